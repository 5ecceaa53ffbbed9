import { editDictionary, readDictionary } from '../dictionary/dictionary-file.ts';
import type { Dictionary } from '../dictionary/dictionary.ts';
import type { Machine } from '../machine/machine.ts';

/** Remembers a VM that the GUI opened, where the product does so; vmrun itself never touches these files. */
export function remember(machine: Machine): void {
  if (machine.session.knobs.product === 'player') addToPreferences(machine);
  else addToInventory(machine);
}

function addToInventory(machine: Machine): void {
  const { registry } = machine.session;
  const configuration = machine.configuration();
  editDictionary(
    registry.inventory,
    (inventory) => {
      const entries = entriesOf(inventory);
      if (entries.some(({ config }) => config === machine.shown)) return;
      const next = Math.max(0, ...entries.map(({ number }) => number)) + 1;
      const set = (key: string, value: string) => inventory.set(`vmlist${next}.${key}`, value);
      inventory.setMissing('.encoding', 'UTF-8');
      set('config', machine.shown);
      set('DisplayName', configuration.get('displayName') ?? machine.name);
      set('ParentID', '0');
      set('ItemID', String(next));
      set('SeqID', String(entries.length));
      set('IsFavorite', 'FALSE');
      set('IsClone', isClone(machine) ? 'TRUE' : 'FALSE');
      set('CfgVersion', configuration.get('config.version') ?? '8');
      set('State', 'normal');
      set('UUID', configuration.get('uuid.bios') ?? '');
    },
    { optional: true },
  );
}

/** Player has no inventory: it remembers what it opened, newest first. */
function addToPreferences(machine: Machine): void {
  const { registry, paths } = machine.session;
  editDictionary(
    registry.preferences(paths.isWindows ? 'windows' : 'linux'),
    (preferences) => {
      preferences.setMissing('.encoding', 'UTF-8');
      const known = preferences.keys().filter((key) => /^pref\.mruVM\d+\.filename$/i.test(key));
      const others = known.map((key) => preferences.get(key)!).filter((path) => path !== machine.shown);
      preferences.deleteMatching(/^pref\.mruVM\d+\.filename$/i);
      [machine.shown, ...others].forEach((path, index) => preferences.set(`pref.mruVM${index}.filename`, path));
    },
    { optional: true },
  );
}

function entriesOf(inventory: Dictionary): { number: number; config: string }[] {
  return inventory.keys().flatMap((key) => {
    const number = /^vmlist(\d+)\.config$/i.exec(key)?.[1];
    return number === undefined ? [] : { number: Number(number), config: inventory.get(key) ?? '' };
  });
}

function isClone(machine: Machine): boolean {
  return readDictionary(machine.companion('.vmsd'), { optional: true }).get('cloneOf0') !== undefined;
}
