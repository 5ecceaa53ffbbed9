import { describe, expect, it } from '@jest/globals';
import { parseArguments } from './arguments.ts';
import { findCommand } from './command-table.ts';

describe('arguments of vmrun', () => {
  it('takes flags before the command and leaves those after it', () => {
    expect(
      parseArguments(['-T', 'ws', '-vp', 's', '-gu', 'u', '-gp', 'p', 'clone', 'a', 'b', 'linked', '-snapshot=x']),
    ).toEqual({
      kind: 'command',
      flags: { hostType: 'ws', vmPassword: 's', guestUser: 'u', guestPassword: 'p' },
      command: 'clone',
      parameters: ['a', 'b', 'linked', '-snapshot=x'],
    });
  });

  it('is bare without a command, and tells an unknown flag', () => {
    expect(parseArguments([])).toEqual({ kind: 'bare' });
    expect(parseArguments(['-T', 'ws'])).toEqual({ kind: 'bare' });
    expect(parseArguments(['-T'])).toEqual({ kind: 'bare' });
    expect(parseArguments(['--help'])).toEqual({ kind: 'invalid', argument: '--help' });
    expect(parseArguments(['-h', 'server', 'list'])).toEqual({ kind: 'invalid', argument: '-h' });
  });

  it('knows commands in any case, and not those of old products', () => {
    for (const word of ['copyFileFromHostToGuest', 'listprocessesinguest', 'getGuestIpAddress', 'CheckToolsState']) {
      expect(findCommand(word)).toBeDefined();
    }
    for (const word of ['beginRecording', 'register', 'vprobeVersion']) expect(findCommand(word)).toBeUndefined();
  });
});
