import { capabilityNames, type CapabilityName } from '@polyvirt/contracts';
import type { ConformanceReport } from '@polyvirt/hypervisor/testing';

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

  const capabilities = capabilityNames.map((name) => [name, ...cells((report) => capability(report, name, reasons))]);
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
  return `${introduction}\n## Capabilities\n\n${table('Capability', capabilities)}\n\n${sections.join('\n')}${because}`;

  function cells(cell: (report: ConformanceReport) => string): string[] {
    return COLUMNS.map(({ report }) => cell(reports[report]));
  }
}

function line(columns: readonly string[]): string {
  return `| ${columns.map(escaped).join(' | ')} |`;
}

function capability({ status }: ConformanceReport, name: CapabilityName, reasons: Reasons): string {
  const { available, reason } = status.capabilities[name];
  return available ? '✓' : reasons.mark(reason ?? 'It gives no reason.');
}
