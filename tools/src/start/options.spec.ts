import { describe, expect, it } from '@jest/globals';
import { join, resolve } from 'node:path';
import { root } from '../places.ts';
import { parseOptions, UsageError } from './options.ts';

describe('parseOptions', () => {
  it('has defaults for everything', () => {
    expect(parseOptions([])).toEqual({
      dataDir: join(root, '.polyvirt'),
      port: 8080,
      portGiven: false,
      newSecret: false,
      install: true,
      build: true,
    });
  });

  it('takes what is given', () => {
    expect(
      parseOptions([
        '--data-dir',
        '/srv/pv',
        '--port=0',
        '--hosts',
        'nutanix, kvm',
        '--new-secret',
        '--no-install',
        '--no-build',
      ]),
    ).toEqual({
      dataDir: '/srv/pv',
      port: 0,
      portGiven: true,
      hosts: ['kvm', 'nutanix'],
      newSecret: true,
      install: false,
      build: false,
    });
  });

  it('takes a hypervisor_config.json by its path from where the caller is', () => {
    expect(parseOptions(['--config', 'hypervisor_config.json'])).toMatchObject({
      config: resolve('hypervisor_config.json'),
    });
  });

  it('gives nothing when help is asked for', () => {
    expect(parseOptions(['--help'])).toBeUndefined();
  });

  it.each([
    ['--port', 'x'],
    ['--port', '65536'],
    ['--port', '-1'],
    ['--port', ''],
    ['--data-dir', ''],
    ['--config', ''],
    ['--hosts', ''],
    ['--hosts', 'kvm,xen'],
    ['--nonsense'],
    ['word'],
  ])('refuses %s %s', (...args) => {
    expect(() => parseOptions(args)).toThrow(UsageError);
  });
});
