import { describe, expect, it } from '@jest/globals';
import type { VmState } from '@polyvirt/contracts';
import { stateOf } from './states.ts';

describe('the state of a domain', () => {
  it.each<[string, number, number, boolean, VmState]>([
    ['running', 1, 1, false, 'running'],
    ['about to end', 4, 1, false, 'running'],
    ['paused by somebody', 3, 1, false, 'paused'],
    ['saved while paused, and back', 3, 2, false, 'paused'],
    ['paused by an I/O error', 3, 5, false, 'paused'],
    ['reverted to a paused snapshot', 3, 7, false, 'paused'],
    ['stopped for the moment of a snapshot', 3, 9, false, 'running'],
    ['being saved', 3, 3, false, 'running'],
    ['not yet started', 3, 11, false, 'stopped'],
    ['panicked', 3, 10, false, 'crashed'],
    ['off', 5, 1, false, 'stopped'],
    ['off with its memory saved', 5, 5, true, 'suspended'],
    ['ended by a signal', 5, 3, false, 'crashed'],
    ['not started, as QEMU refused', 5, 6, false, 'stopped'],
    ['crashed', 6, 1, false, 'crashed'],
    ['asleep', 7, 0, false, 'suspended'],
    ['of a future libvirt', 99, 0, false, 'unknown'],
  ])('%s (%i/%i)', (_, state, reason, saved, expected) => {
    expect(stateOf({ state, reason }, saved)).toBe(expected);
  });
});
