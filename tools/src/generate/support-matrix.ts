import {
  capabilityFeatures,
  capabilityNames,
  lackOf,
  vmActions,
  VmState,
  type CapabilityRef,
  type VmAction,
} from '@polyvirt/contracts';
import type { ConformanceReport, StateRow } from '@polyvirt/hypervisor/testing';

/** Hypervisors in the order of their columns, by the name of the report of their conformance run. */
export const COLUMNS = [
  { report: 'vmware', title: 'VMware Workstation' },
  { report: 'nutanix', title: 'Nutanix AHV' },
  { report: 'kvm', title: 'KVM' },
] as const;

export type Reports = Readonly<Record<(typeof COLUMNS)[number]['report'], ConformanceReport>>;

const introduction = `# Support matrix

What Polyvirt can do with each hypervisor, written by the runs of the conformance suite: every driver is held to the same list of
behaviours, none is skipped. **✓** was seen to hold. **–** is not possible with this hypervisor; the number names the reason, which
the API gives as well. *Simulated* says that a simulator stood in for the product.

This page is generated (\`npm test -- conformance\`).
`;

const escaped = (text: string) => text.replaceAll('|', '\\|');

/** Numbers each reason once, in the order in which they come up. */
class Reasons {
  readonly #numbers = new Map<string, number>();

  mark(reason: string): string {
    if (!this.#numbers.has(reason)) this.#numbers.set(reason, this.#numbers.size + 1);
    return `– (${this.#numbers.get(reason)})`;
  }

  get lines(): string[] {
    return [...this.#numbers].map(([reason, number]) => `${number}. ${reason}`);
  }
}

/** The text of `docs/support-matrix.md`. Throws when a run failed a behaviour or did not come to it. */
export function supportMatrixPage(reports: Reports): string {
  const reasons = new Reasons();
  const titles = COLUMNS.map(({ report, title }) => `${title}${reports[report].simulated ? ' *(simulated)*' : ''}`);
  const table = (head: string, rows: readonly (readonly string[])[]) =>
    [`| ${head} | ${titles.join(' | ')} |`, `| --- |${' --- |'.repeat(COLUMNS.length)}`, ...rows.map(line)].join('\n');

  const refs: CapabilityRef[] = capabilityNames.flatMap((name) => [
    name,
    ...capabilityFeatures[name].map((feature) => `${name}.${feature}` as CapabilityRef),
  ]);
  const capabilities = refs.map((ref) => [ref, ...cells((report) => capability(report, ref, reasons))]);
  const areas = Map.groupBy(reports.kvm.rows, ({ area }) => area);
  const cellsOf = (area: string, behaviour: string) =>
    cells((report) => {
      const row = report.rows.find((candidate) => candidate.area === area && candidate.behaviour === behaviour);
      if (row?.result === 'passed') return '✓';
      if (row?.result === 'absent' && row.reason !== undefined) return reasons.mark(row.reason);
      throw new Error(`${report.driver} ${row ? 'failed' : 'did not come'} to: ${area}, ${behaviour}`);
    });
  const sections = [...areas].map(
    ([area, rows]) =>
      `## ${area[0]!.toUpperCase()}${area.slice(1)}\n\n${table(
        'Behaviour',
        rows.map(({ behaviour }) => [behaviour, ...cellsOf(area, behaviour)]),
      )}\n`,
  );
  const because = reasons.lines.length === 0 ? '' : `\n## Reasons\n\n${reasons.lines.join('\n')}\n`;
  const states = statesPage(COLUMNS.map(({ report, title }) => ({ title, rows: reports[report].states })));
  return `${introduction}\n## Capabilities\n\n${table('Capability', capabilities)}\n\n${states}${sections.join('\n')}${because}`;

  function cells(cell: (report: ConformanceReport) => string): string[] {
    return COLUMNS.map(({ report }) => cell(reports[report]));
  }
}

function line(columns: readonly string[]): string {
  return `| ${columns.map(escaped).join(' | ')} |`;
}

function capability({ status }: ConformanceReport, ref: CapabilityRef, reasons: Reasons): string {
  const lack = lackOf(status.capabilities, ref);
  return lack === undefined ? '✓' : reasons.mark(lack);
}

const statesIntroduction = `## Verbs and states

What a verb does to a VM in each state, as it was seen. **→** names the state afterwards, where it is another one. *Nothing* succeeds
and changes nothing. *Refused* is \`wrong-state\` with the advice in brackets. *Guest* asks the guest, which may not answer in time. **–** is
not possible with the hypervisors named, or with none.
`;

/** One table for all hypervisors; where they differ, a cell says who does what. */
function statesPage(columns: readonly { readonly title: string; readonly rows: readonly StateRow[] }[]): string {
  const states = VmState.options.filter((state) => columns.some(({ rows }) => rows.some((row) => row.state === state)));
  const actions = (Object.keys(vmActions) as VmAction[]).filter((action) =>
    columns.some(({ rows }) => rows.some((row) => row.action === action)),
  );
  if (states.length === 0) return '';
  const cell = (action: VmAction, state: VmState): string => {
    const outcomes = Map.groupBy(
      columns.flatMap(({ title, rows }) => {
        const row = rows.find((one) => one.action === action && one.state === state);
        return row ? [{ title, outcome: outcomeOf(row) }] : [];
      }),
      ({ outcome }) => outcome,
    );
    if (outcomes.size <= 1) return [...outcomes.keys()][0] ?? '';
    return [...outcomes].map(([outcome, who]) => `${who.map(({ title }) => title).join(', ')}: ${outcome}`).join('; ');
  };
  const head = `| Verb | ${states.join(' | ')} |\n| --- |${' --- |'.repeat(states.length)}`;
  const rows = actions.map((action) => line([action, ...states.map((state) => cell(action, state))]));
  return `${statesIntroduction}\n${[head, ...rows].join('\n')}\n\n`;
}

function outcomeOf({ action, state, result, after, advice = '' }: StateRow): string {
  switch (result) {
    case 'changed':
      if (after === undefined) return '→ gone';
      return after === state ? '✓' : `→ ${after}`;
    case 'unchanged':
      return action.startsWith('console') ? '✓' : 'nothing';
    case 'refused':
      return `refused (${advice})`;
    case 'timed-out':
      return 'guest';
    case 'missing':
      return '–';
  }
}
