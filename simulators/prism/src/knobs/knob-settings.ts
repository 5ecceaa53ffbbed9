import { KNOBS, PROFILES, type KnobName, type Knobs } from './knob-table.ts';

/** Thrown for a setting that no knob accepts; the text says which and what it may be. */
export class KnobError extends Error {}

const NAMES = Object.keys(KNOBS) as KnobName[];
const isName = (name: string): name is KnobName => Object.hasOwn(KNOBS, name);

/** Checks a whole set of settings before any of them is taken. */
function checkedSettings(raw: unknown): Partial<Knobs> {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) throw new KnobError('knobs must be an object');
  const faults: string[] = [];
  for (const [name, value] of Object.entries(raw)) {
    if (!isName(name)) faults.push(`${name}: no such knob`);
    else if (!KNOBS[name].accepts(value)) faults.push(`${name}: must be ${KNOBS[name].values}`);
  }
  if (faults.length > 0) throw new KnobError(faults.join('; '));
  return raw;
}

/** The effective knobs: defaults, then the profile's, then what was set. */
export class KnobSettings {
  private explicit: Partial<Knobs> = {};
  private effective: Knobs = this.merged({});
  private readonly listeners = new Set<() => void | Promise<void>>();
  private applying: Promise<unknown> = Promise.resolve();

  get current(): Knobs {
    return this.effective;
  }

  get<K extends KnobName>(name: K): Knobs[K] {
    return this.effective[name];
  }

  /** Adds settings to those made before. @throws KnobError when any is unknown or out of range; then none is taken. */
  patch(raw: unknown): void {
    this.take({ ...this.explicit, ...checkedSettings(raw) });
  }

  /** Replaces all settings. @throws KnobError as `patch`. */
  replace(raw: unknown): void {
    this.take({ ...checkedSettings(raw) });
  }

  /** Resolves when everyone who follows the knobs has done what they say. */
  async applied(): Promise<void> {
    await this.applying;
  }

  onChange(listener: () => void | Promise<void>): void {
    this.listeners.add(listener);
  }

  private take(settings: Partial<Knobs>): void {
    this.explicit = settings;
    this.effective = this.merged(settings);
    this.applying = Promise.all([...this.listeners].map(async (listener) => listener()));
  }

  private merged(settings: Partial<Knobs>): Knobs {
    const profile = settings.profile ?? KNOBS.profile.default;
    const defaults = Object.fromEntries(NAMES.map((name) => [name, KNOBS[name].default]));
    return { ...defaults, ...PROFILES[profile], ...settings } as Knobs;
  }
}
