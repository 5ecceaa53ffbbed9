type Certainty = 'S' | 'S*' | 'P' | '?';

/**
 * How sure the public record is about what a knob decides, and who says so: `S` sourced, `S*` seen once, `P` partly
 * sourced, `?` sources disagree, `I` inferred, `own` the simulator's own affair. The README names the sources.
 */
export type Mark = 'I' | 'own' | `${Certainty}: ${string}`;

interface Described {
  mark: Mark;
  about: string;
}

/** One of a few answers; the first is the default. */
export interface Choice<V extends string> extends Described {
  kind: 'choice';
  values: readonly V[];
}

export interface NumberKnob extends Described {
  kind: 'number';
  initial: number;
}

export interface TextKnob extends Described {
  kind: 'text';
  initial: string;
}

/** Text by text. */
export interface MapKnob extends Described {
  kind: 'map';
  initial: Record<string, string>;
}

/** Number by text. */
export interface NumberMapKnob extends Described {
  kind: 'numbers';
  initial: Record<string, number>;
}

export type Knob = Choice<string> | NumberKnob | TextKnob | MapKnob | NumberMapKnob;

export type ValueOf<K> =
  K extends Choice<infer V>
    ? V
    : K extends NumberKnob
      ? number
      : K extends TextKnob
        ? string
        : K extends MapKnob
          ? Record<string, string>
          : K extends NumberMapKnob
            ? Record<string, number>
            : never;

export const choice = <const V extends readonly string[]>(values: V, mark: Mark, about: string): Choice<V[number]> => ({
  kind: 'choice',
  values,
  mark,
  about,
});

export const number = (initial: number, mark: Mark, about: string): NumberKnob => ({
  kind: 'number',
  initial,
  mark,
  about,
});

export const text = (initial: string, mark: Mark, about: string): TextKnob => ({ kind: 'text', initial, mark, about });

export const map = (initial: Record<string, string>, mark: Mark, about: string): MapKnob => ({
  kind: 'map',
  initial,
  mark,
  about,
});

export const numbers = (initial: Record<string, number>, mark: Mark, about: string): NumberMapKnob => ({
  kind: 'numbers',
  initial,
  mark,
  about,
});

/** What a knob is set to when nobody sets it. */
export function initialValue(knob: Knob): unknown {
  return knob.kind === 'choice' ? knob.values[0] : knob.initial;
}

/** What is wrong with a value, or undefined. */
export function faultOf(knob: Knob, value: unknown): string | undefined {
  switch (knob.kind) {
    case 'choice':
      return knob.values.includes(value as string) ? undefined : `must be one of ${knob.values.join(', ')}`;
    case 'number':
      return Number.isFinite(value) ? undefined : 'must be a number';
    case 'text':
      return typeof value === 'string' ? undefined : 'must be a text';
    case 'map':
      return isMapOf(value, 'string') ? undefined : 'must be an object of texts';
    case 'numbers':
      return isMapOf(value, 'number') ? undefined : 'must be an object of numbers';
  }
}

const isMapOf = (value: unknown, type: 'string' | 'number') =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.values(value).every((entry) => typeof entry === type);
