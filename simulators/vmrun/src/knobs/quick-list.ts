import { mkdirSync, readFileSync } from 'node:fs';
import type { Session } from '../host/session.ts';
import { replaceFile } from '../host/replace-file.ts';
import { isMeantFor } from './fault.ts';

/**
 * `list` is called most of all, and nearly all that it takes is the start of Node. So `bin/vmrun` answers it by itself where
 * no knob changes the answer. Whether that is so is decided here, for one text of the knob file, which is noted.
 */
export function noteQuickList(session: Session): void {
  const { registry, settings } = session;
  const [text = '', ...others] = settings.texts;
  // The shell compares one line.
  if (others.length > 0 || text.includes('\n') || !isUsual(session)) return;
  const path = registry.own('quick-list');
  const note = `usual ${text}\n`;
  if (textOf(path) === note) return;
  mkdirSync(registry.own(), { recursive: true });
  replaceFile(path, note);
}

function isUsual({ settings }: Session): boolean {
  const { knobs, faults, machines } = settings;
  const { style, product, codePage, preamble, texts, latencyMs, listLagMs, questionListed } = knobs;
  return (
    [style, product, codePage, preamble, questionListed].join() === 'linux,workstation,,,yes' &&
    Object.keys(texts).length === 0 &&
    (latencyMs['list'] ?? latencyMs['*'] ?? 0) === 0 &&
    listLagMs === 0 &&
    machines.every((one) => one.knobs.questionListed !== 'no') &&
    !faults.some((fault) => isMeantFor(fault, 'list', []))
  );
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
