import { expect, it } from '@jest/globals';
import { resolveBacking } from './backing-name.ts';

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
  ['host_device:/dev/vg/base', '/dev/vg/base'],
  ['nbd://10.0.0.1/export', undefined],
  ['nbd:unix:/run/nbd.sock', undefined],
  ['rbd:pool/image', undefined],
  ['https://example.org/base.qcow2', undefined],
])('the name %s in an overlay means the file %s', (name, path) => {
  expect(resolveBacking(name, '/pool/overlay.qcow2')).toEqual(
    path === undefined ? [] : [expect.objectContaining({ path })],
  );
});

const file = (filename: string) => ({ driver: 'file', filename });

it.each([
  [
    'a base of its own',
    { driver: 'qcow2', file: file('/a'), backing: { driver: 'raw', file: file('/b') } },
    { '/a': 'qcow2', '/b': 'raw' },
  ],
  [
    'several children',
    { driver: 'quorum', children: [{ driver: 'qcow2', file: file('/a') }, file('/b')] },
    { '/a': 'qcow2', '/b': undefined },
  ],
  [
    'a filter',
    { driver: 'raw', file: { driver: 'throttle', 'throttle-group': 'g', file: file('/a') } },
    { '/a': 'raw' },
  ],
  [
    'dotted levels',
    { driver: 'qcow2', 'file.filename': '/a', 'backing.file.filename': '/b' },
    { '/a': 'qcow2', '/b': undefined },
  ],
  [
    'a data file',
    { driver: 'qcow2', file: file('/a'), 'data-file': { driver: 'raw', file: file('/b') } },
    { '/a': 'qcow2', '/b': 'raw' },
  ],
  ['the format of the header', file('/a'), { '/a': 'vmdk' }],
])('a name that describes nodes with %s means all their files', (_, node, formats) => {
  const links = resolveBacking(`json:${JSON.stringify(node)}`, '/pool/overlay.qcow2', 'vmdk');
  expect(Object.fromEntries(links.map(({ path, format }) => [path, format]))).toEqual(formats);
});
