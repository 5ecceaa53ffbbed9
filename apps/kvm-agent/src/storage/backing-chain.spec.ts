import { expect, it } from '@jest/globals';
import { resolveBacking } from './backing-chain.ts';

it.each([
  ['/images/base.qcow2', '/images/base.qcow2'],
  ['base.qcow2', '/pool/base.qcow2'],
  ['../images/base.qcow2', '/images/base.qcow2'],
  ['./a:b.qcow2', '/pool/a:b.qcow2'],
  ['file:/images/base.qcow2', '/images/base.qcow2'],
  ['file:///images/base.qcow2', '/images/base.qcow2'],
  ['file:base.qcow2', '/pool/base.qcow2'],
  ['json:{"driver":"qcow2","file":{"driver":"file","filename":"/images/base.qcow2"}}', '/images/base.qcow2'],
  ['json:{"driver":"raw","file.driver":"file","file.filename":"base.raw"}', '/pool/base.raw'],
  ['json:{"driver":"raw","file":{"driver":"nbd","host":"a"}}', undefined],
  ['json:{', undefined],
  ['nbd://10.0.0.1/export', undefined],
  ['nbd:unix:/run/nbd.sock', undefined],
  ['rbd:pool/image', undefined],
  ['https://example.org/base.qcow2', undefined],
])('the name %s in an overlay means the file %s', (name, path) => {
  expect(resolveBacking(name, '/pool/overlay.qcow2')).toBe(path);
});
