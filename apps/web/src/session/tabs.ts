import type { Exclusively } from '@polyvirt/api-client';

const marker = 'polyvirt.session';
const lock = 'polyvirt.renewing';
/** A tab that died while it held the lock holds it no longer than this. */
const longestMs = 10_000;

/** Whether some tab of this browser has logged in, as far as a script can know: the cookie itself is out of its reach. */
export const mayHaveSession = (): boolean => localStorage.getItem(marker) !== null;

export function noteSession(open: boolean): void {
  if (!open) localStorage.removeItem(marker);
  else if (!mayHaveSession()) localStorage.setItem(marker, 'open');
}

/** Calls back when another tab has logged out. */
export function onEndedElsewhere(listener: () => void): void {
  addEventListener('storage', ({ key, newValue }) => {
    if (key === marker && newValue === null) listener();
  });
}

/** One tab renews at a time. Browsers have locks only in a secure context; elsewhere the storage of the tabs has to do. */
export const exclusively: Exclusively = async (renew) => {
  // Absent on plain HTTP beyond loopback, whatever its type says.
  const locks = (navigator as { locks?: LockManager }).locks;
  if (locks) return locks.request(lock, renew);
  const mine = crypto.getRandomValues(new Uint32Array(2)).join('-');
  for (;;) {
    const [holder, until] = (localStorage.getItem(lock) ?? '').split(' ');
    if (holder === mine) break;
    if (!holder || Number(until) < Date.now()) localStorage.setItem(lock, `${mine} ${Date.now() + longestMs}`);
    // Whoever wrote last in this time has it.
    await new Promise((resolve) => setTimeout(resolve, 30 + Math.random() * 30));
  }
  try {
    return await renew();
  } finally {
    localStorage.removeItem(lock);
  }
};
