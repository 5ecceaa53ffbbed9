import { describe, expect, it } from '@jest/globals';
import { Dictionary } from './dictionary.ts';
import { renewalOf } from './host-things.ts';

describe('what of the host a clone has instead of its source', () => {
  const source = Dictionary.of({
    'serial0.present': 'TRUE',
    'serial0.fileType': 'file',
    'serial0.fileName': '/var/log/web.txt',
    'serial1.present': 'TRUE',
    'serial1.fileType': 'pipe',
    'serial1.fileName': '\\\\.\\pipe\\web',
    'serial2.present': 'TRUE',
    'serial2.fileType': 'network',
    'serial2.fileName': 'telnet://:2001',
    'serial3.present': 'FALSE',
    'parallel0.present': 'TRUE',
    'parallel0.fileName': '/dev/parport0',
    'RemoteDisplay.vnc.port': '5950',
    'debugStub.port.guest64': '8864',
    'vc.uuid': '50 1a',
    'sched.swap.derivedName': '/vmfs/x.vswp',
    workingDir: '/big/web',
    nvram: 'web.nvram',
    memsize: '64',
  });

  it('are files and pipes of its own; what only one VM can have is left out and told', () => {
    const { set, drop, notes } = renewalOf(source, 'copy');
    expect(set).toEqual({
      'serial0.fileName': 'copy-serial0.txt',
      'serial1.fileName': '\\\\.\\pipe\\web-copy',
      'serial2.present': 'FALSE',
      'parallel0.present': 'FALSE',
    });
    expect([...drop].sort()).toEqual([
      'RemoteDisplay.vnc.port',
      'debugStub.port.guest64',
      'sched.swap.derivedName',
      'vc.uuid',
      'workingDir',
    ]);
    expect(notes).toEqual([
      expect.stringMatching(/serial0 .*copy-serial0\.txt.*web\.txt/),
      expect.stringMatching(/serial1 .*web-copy/),
      'Left out serial2: only one VM can have telnet://:2001.',
      'Left out parallel0: only one VM can have /dev/parport0.',
    ]);
  });
});
