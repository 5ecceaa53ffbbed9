import { describe, expect, it } from '@jest/globals';
import { OptionError, parseOptions } from './options.ts';

describe('the command line', () => {
  it('needs a data folder and has defaults for the rest', () => {
    expect(parseOptions(['--data-dir', '/d'])).toEqual({
      port: 9440,
      host: '127.0.0.1',
      dataDir: '/d',
      tlsDir: '/d/tls',
      names: [],
      username: 'admin',
      password: 'nutanix/4u',
      seedVms: 8,
    });
  });

  it('takes everything that the help names', () => {
    const args =
      '--port 0 --host 0.0.0.0 --name prism --data-dir /d --tls-dir /t --username u --password p --seed-vms 5 --knobs k.json --control-port 0';
    expect(parseOptions(args.split(' '))).toEqual({
      port: 0,
      host: '0.0.0.0',
      names: ['prism'],
      dataDir: '/d',
      tlsDir: '/t',
      username: 'u',
      password: 'p',
      seedVms: 5,
      knobFile: 'k.json',
      control: { port: 0 },
    });
    expect(parseOptions(['--help'])).toBe('help');
    expect(parseOptions(['--list-knobs'])).toBe('list-knobs');
  });

  it.each([
    [[], '--data-dir is required'],
    [['--data-dir', '/d', '--port', 'x'], '--port must be a whole number up to 65535'],
    [['--data-dir', '/d', '--port', '70000'], '--port must be a whole number up to 65535'],
    [['--data-dir', '/d', '--colour', 'blue'], "Unknown option '--colour'"],
    [['--data-dir', '/d', '--control-port', '1', '--control-socket', 's'], 'only one of'],
  ])('refuses %j', (args, message) => {
    expect(() => parseOptions(args)).toThrow(OptionError);
    expect(() => parseOptions(args)).toThrow(message);
  });
});
