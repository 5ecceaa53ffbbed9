/** One sample of the text format of Prometheus, version 0.0.4. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly type: string;
  readonly help: string;
  readonly samples: Sample[];
}

const comment = /^# (HELP|TYPE) ([A-Za-z_:][\w:]*) (.*)$/;
const sampleStart = /^([A-Za-z_:][\w:]*)(\{)?/;
const label = /([A-Za-z_]\w*)="((?:[^"\\]|\\["\\n])*)"(,|\})/y;
const end = /^\s*(\S+)(?: -?\d+)?$/;
/** In any case, as Go reads them. */
const notANumber = /^(?:nan|[+-]?inf)$/i;
const suffixes: Readonly<Record<string, RegExp>> = { histogram: /_(?:bucket|sum|count)$/, summary: /_(?:sum|count)$/ };

/**
 * Reads an exposition as strictly as Prometheus does, and more: throws for a line that is none, a type of something that
 * has samples already, lines of one family in two places, and a series that comes twice.
 */
export function parsePrometheus(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, { type?: string; help?: string; samples: Sample[] }>();
  const series = new Set<string>();
  let current: string | undefined;
  const enter = (name: string) => {
    if (name !== current && families.get(name)?.type !== undefined) throw new Error(`${name} is in two places`);
    current = name;
    const family = families.get(name) ?? { samples: [] };
    families.set(name, family);
    return family;
  };
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const about = comment.exec(line);
    if (about) {
      const [, what, name, rest] = about as unknown as [string, 'HELP' | 'TYPE', string, string];
      const family = enter(name);
      const key = what === 'HELP' ? 'help' : 'type';
      if (family[key] !== undefined || family.samples.length > 0) throw new Error(`a second or late ${line}`);
      family[key] = rest;
    } else if (!line.startsWith('#')) {
      const sample = sampleIn(line);
      const family = families.get(current ?? '');
      const base = sample.name.replace(suffixes[family?.type ?? ''] ?? /$^/, '');
      if (!family?.type || (base !== current && sample.name !== current)) throw new Error(`no type before: ${line}`);
      const key = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
      if (series.has(key)) throw new Error(`twice: ${line}`);
      series.add(key);
      family.samples.push(sample);
    }
  }
  return new Map([...families].map(([name, { type = '', help = '', samples }]) => [name, { type, help, samples }]));
}

function sampleIn(line: string): Sample {
  const start = sampleStart.exec(line);
  if (!start) throw new Error(`no sample: ${line}`);
  const labels: Record<string, string> = {};
  let at = start[0].length;
  for (let more = start[2] !== undefined; more;) {
    label.lastIndex = at;
    const found = label.exec(line);
    if (!found) throw new Error(`no label at ${at}: ${line}`);
    const [whole, name, value, separator] = found as unknown as [string, string, string, string];
    if (Object.hasOwn(labels, name)) throw new Error(`two labels ${name}: ${line}`);
    labels[name] = value.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
    at += whole.length;
    more = separator === ',';
  }
  const value = end.exec(line.slice(at))?.[1];
  if (value === undefined || (Number.isNaN(Number(value)) && !notANumber.test(value)))
    throw new Error(`no value: ${line}`);
  return { name: start[1]!, labels, value: Number(value.replace(/inf$/i, 'Infinity')) };
}
