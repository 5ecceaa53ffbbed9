import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CATALOGUE } from './catalogue.ts';
import { isMeantFor, readFault, type Fault } from './fault.ts';
import { matchesGlob } from './glob.ts';
import { initialValue, type Knob } from './knob.ts';
import { KnobFileFault, knobsFor, readSettings } from './knob-file.ts';

describe('knob files', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'knobs-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const file = (name: string, content: unknown) => {
    const path = join(folder, name);
    writeFileSync(path, JSON.stringify(content));
    return path;
  };

  it('have defaults when they are missing', () => {
    const { knobs, faults } = readSettings([undefined, join(folder, 'none.json')]);
    expect(knobs.startRunning).toBe('refuse');
    expect(faults).toEqual([]);
  });

  it('add up: later files win, faults gather, single VMs have their own', () => {
    const settings = readSettings([
      file('a.json', { toolsDelayMs: 1, addressDelayMs: 2, faults: [{ kind: 'hang' }] }),
      file('b.json', {
        toolsDelayMs: 3,
        faults: [{ kind: 'die' }],
        machines: [{ vmx: '*/web*.vmx', tools: 'absent' }],
      }),
    ]);
    expect([settings.knobs.toolsDelayMs, settings.knobs.addressDelayMs]).toEqual([3, 2]);
    expect(settings.faults.map(({ kind }) => kind)).toEqual(['hang', 'die']);
    expect(knobsFor(settings, '/vms/web1.vmx').tools).toBe('absent');
    expect(knobsFor(settings, '/vms/db.vmx').tools).toBe('present');
  });

  it('have realistic latencies on demand', () => {
    const { knobs } = readSettings([file('a.json', { latency: 'realistic', suspendBusyMs: 5 })]);
    expect(knobs.toolsDelayMs).toBeGreaterThan(10_000);
    expect(knobs.suspendBusyMs).toBe(5);
  });

  it('tell every fault at once', () => {
    const path = file('a.json', { nothing: 1, toolsDelayMs: 'soon', machines: [{ vmx: '*', style: 'windows' }] });
    expect(() => readSettings([path])).toThrow(KnobFileFault);
    expect(() => readSettings([path])).toThrow(
      /unknown knob nothing; toolsDelayMs must be a number; style cannot be set for one VM/,
    );
    writeFileSync(path, '{');
    expect(() => readSettings([path])).toThrow('is not JSON');
  });

  it('aim faults at commands and paths', () => {
    const fault = readFault({ kind: 'refuse', command: 'start', vmx: '*\\web.vmx' }) as Fault;
    expect(isMeantFor(fault, 'start', ['C:\\vms\\web.vmx', '/c/vms/web.vmx'])).toBe(true);
    expect(isMeantFor(fault, 'stop', ['C:\\vms\\web.vmx'])).toBe(false);
    expect(isMeantFor(fault, 'start', [])).toBe(false);
    expect(readFault({ kind: 'refuse', error: 'nonsense' })).toMatch(/^error must be one of/);
    expect(readFault({ kind: 'refuse', time: 3 })).toBe('unknown key time');
  });

  it('let the release decide on the newest hardware, unless they say', () => {
    const newest = (content: object) => readSettings([file('release.json', content)]).knobs.maxHardwareVersion;
    expect(newest({})).toBe(21);
    expect(newest({ productVersion: '25H2' })).toBe(22);
    expect(newest({ productVersion: '16.2.5' })).toBe(19);
    expect(newest({ productVersion: '25H2', maxHardwareVersion: 20 })).toBe(20);
  });

  it('match patterns in any case', () => {
    expect(matchesGlob('*snapshot*', 'deleteSnapshot')).toBe(true);
    expect(matchesGlob('/a/?.vmx', '/a/b.vmx')).toBe(true);
    expect(matchesGlob('a.c', 'abc')).toBe(false);
  });

  it('are documented: the README has a row for every knob, with its values and mark', () => {
    const readme = readFileSync(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8');
    const missing = Object.entries(CATALOGUE).flatMap(([name, knob]) => {
      const row = rowOf(name, knob);
      return plain(readme).includes(plain(row)) ? [] : [row];
    });
    expect(missing).toEqual([]);
  });
});

function rowOf(name: string, knob: Knob): string {
  const initial = initialValue(knob);
  const values = knob.kind === 'choice' ? knob.values.map((value) => `\`${value}\``).join(', ') : knob.kind;
  const shown = typeof initial === 'object' ? JSON.stringify(initial) : String(initial) || '(empty)';
  const value = knob.kind === 'choice' ? values : `${values}, \`${shown}\``;
  return `| \`${name}\` | ${value} | ${knob.mark} | ${knob.about} |`;
}

/** A table's text without what a formatter adds: padding, and escapes. */
const plain = (text: string) => text.replace(/\\(?=[*|])/g, '').replace(/ *\| */g, '|');
