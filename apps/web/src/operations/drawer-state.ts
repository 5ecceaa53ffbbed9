interface DrawerState {
  readonly open: boolean;
  /** Opened by hand: on a narrow screen it covers the page, and does so only when it was asked for. */
  readonly asked: boolean;
  /** The operation that was begun last in this tab. */
  readonly latest: string | undefined;
}

let state: DrawerState = { open: false, asked: false, latest: undefined };
const listeners = new Set<() => void>();

function enter(next: DrawerState): void {
  state = next;
  for (const listener of listeners) listener();
}

export const operationsState = () => state;
export const onOperationsState = (listener: () => void): (() => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};
export const showOperation = (latest: string): void => enter({ ...state, open: true, latest });
export const toggleOperations = (): void => enter({ ...state, open: !state.open, asked: !state.open });
export const closeOperations = (): void => enter({ ...state, open: false, asked: false });
