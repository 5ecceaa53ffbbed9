import type { Vm } from '../api/client.ts';

type Cell = string | number | undefined;

const cells: Readonly<Record<string, (vm: Vm) => Cell>> = {
  id: ({ id }) => id,
  name: ({ name }) => name,
  state: ({ state }) => state,
  host: ({ host }) => host,
  hypervisor: ({ hypervisor }) => hypervisor,
  cpus: ({ cpus }) => cpus,
  memoryMiB: ({ memoryMiB }) => memoryMiB,
  addresses: ({ nics }) => nics.flatMap(({ addresses }) => addresses).join(' '),
  labels: ({ labels }) =>
    Object.entries(labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(' '),
  createdAt: ({ createdAt }) => createdAt,
  observedAt: ({ observedAt }) => observedAt,
};

/** As RFC 4180 has it. A text that a spreadsheet would take for a formula is kept a text by an apostrophe. */
function written(cell: Cell): string {
  if (cell === undefined) return '';
  const text = typeof cell === 'string' && /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Machines as a table, with the names of the API in its first line. */
export function asCsv(vms: readonly Vm[]): string {
  const rows = [Object.keys(cells), ...vms.map((vm) => Object.values(cells).map((cell) => cell(vm)))];
  return rows.map((row) => `${row.map(written).join(',')}\r\n`).join('');
}
