import { useEffect, useRef } from 'react';

/** Sequences (`g m`) are given up after this. */
const sequenceMs = 1_000;

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable ||
    /^(?:INPUT|TEXTAREA|SELECT|CANVAS)$/.test(target.tagName) ||
    target.closest('[role=dialog]') !== null);

/** Keys of a page: `x`, `?`, `Delete`, or two after each other, `g m`. Not while somebody types. */
export function useKeys(keys: Readonly<Record<string, () => void>>): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    let before: { key: string; at: number } | undefined;
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const first = before && event.timeStamp - before.at < sequenceMs ? before.key : undefined;
      before = { key: event.key, at: event.timeStamp };
      const action =
        (first === undefined ? undefined : latest.current[`${first} ${event.key}`]) ?? latest.current[event.key];
      if (!action) return;
      event.preventDefault();
      before = undefined;
      action();
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, []);
}
