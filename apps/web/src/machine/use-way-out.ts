import { useEffect } from 'react';

/** Where the buttons of a console are. */
export const consoleBarId = 'console-bar';

/** Every key goes to the machine, so there has to be one that leads out again: Ctrl, Alt and Shift. */
export function useWayOut(blur: () => void): void {
  useEffect(() => {
    const leave = (event: KeyboardEvent) => {
      if (!event.ctrlKey || !event.altKey || event.key !== 'Shift') return;
      event.stopPropagation();
      blur();
      document.getElementById(consoleBarId)?.querySelector('button')?.focus();
    };
    addEventListener('keydown', leave, { capture: true });
    return () => removeEventListener('keydown', leave, { capture: true });
  }, [blur]);
}
