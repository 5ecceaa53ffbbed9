import { scriptsOf } from '../scripts/scripts.ts';
import { isWindows, type ArchiveDocument } from './document.ts';

/** Lines of the history that the page shows. */
const shownHistory = 50;

/** The page for people. Times are those of the events, so that it can be written again the same. */
export function readmeOf(document: ArchiveDocument): string {
  const { vm, name, deletedAt, history, addresses, files, definition } = document;
  const windows = isWindows(document);
  const extension = windows ? 'bat' : 'sh';
  const command = (script: string) => (windows ? `${script}.bat` : `./${script}.sh`);
  const snapshots = `snapshot_script.${extension}` in scriptsOf(document);
  return [
    `# ${text(name)}`,
    '',
    ...(deletedAt ? [`**This VM was deleted on ${time(deletedAt)}.** Its folder is kept.`, ''] : []),
    '| | |',
    '|---|---|',
    row('Id', code(document.vmId)),
    row('Host', `${text(document.host)} (${document.hypervisor}${document.simulated ? ', simulated' : ''})`),
    row('Created', `${time(document.createdAt)}${document.createdBy ? ` by ${text(document.createdBy)}` : ''}`),
    ...(document.clonedFrom ? [row('Cloned from', code(document.clonedFrom))] : []),
    row('State', `${vm.state}, as of ${time(document.updatedAt)}`),
    row('CPUs', vm.cpus === undefined ? 'not known' : String(vm.cpus)),
    row('Memory', vm.memoryMiB === undefined ? 'not known' : `${vm.memoryMiB} MiB`),
    row(
      'Disks',
      vm.disks
        .map(({ device, sizeGiB }) => `${text(device)}: ${sizeGiB === undefined ? 'size not known' : `${sizeGiB} GiB`}`)
        .join(', ') || 'none',
    ),
    row(
      'Networks',
      vm.nics
        .map(
          ({ network, mac }) =>
            `${network === undefined ? 'network not known' : text(network)} (${mac === undefined ? 'no MAC address yet' : text(mac)})`,
        )
        .join(', ') || 'none',
    ),
    row('Addresses', addresses.map(code).join(', ') || 'none known'),
    '',
    '## What is here',
    '',
    definition
      ? `- \`vm_files/${definition.file}\`: the definition of the VM as its hypervisor has it (${definition.format}, ${time(definition.takenAt)}).`
      : '- No definition: the hypervisor gave none.',
    ...files.map(({ path, link, missing }) =>
      link === undefined
        ? `- ${code(path)} is not linked here. ${missing}`
        : `- ${code(`vm_files/${link}`)}: link to ${code(path)}.`,
    ),
    '- `metadata.json`: all that is known, for programs.',
    `- \`backup_script.${extension}\`${snapshots ? ` and \`snapshot_script.${extension}\`` : ''}: see below.`,
    '',
    snapshots ? '## Back up, take a snapshot' : '## Back up',
    '',
    `Run ${snapshots ? 'these' : 'this'} on the host of the VM, as a user who may manage it.`,
    '',
    '```',
    `${command('backup_script')} <folder for the backup>`,
    ...(snapshots ? [`${command('snapshot_script')} <name of the snapshot>`] : []),
    '```',
    ...(snapshots
      ? []
      : [
          '',
          'There is no script for snapshots: of a VM with UEFI firmware virsh keeps no variables, and Polyvirt does.',
        ]),
    '',
    backupNote(document),
    '',
    '## History',
    '',
    '| When | What | By |',
    '|---|---|---|',
    ...history
      .slice(-shownHistory)
      .reverse()
      .map(({ at, detail, by }) => `| ${time(at)} | ${text(detail)} | ${by ? text(by) : ''} |`),
    '',
  ].join('\n');
}

function backupNote({ hypervisor }: ArchiveDocument): string {
  switch (hypervisor) {
    case 'kvm':
      return (
        'A backup holds a whole copy of every disk, all of the same moment also while the VM runs, and `domain.xml`. Of a VM that has them it ' +
        'also holds its firmware variables (`nvram`), the state of its TPM (`tpm`) and its saved memory (`memory`). To restore one, ' +
        'put each file back where `disks.tsv` says it was, with `cp -Rp` as root, and run `virsh define domain.xml`. Snapshots are in no backup.'
      );
    case 'vmware':
      return 'A running VM is suspended for the time of the backup, and goes on afterwards. A backup is a copy of its folder; open the `.vmx` file in it to use it.';
    case 'nutanix':
      return (
        'The scripts need `PRISM_URL`, `PRISM_USERNAME` and `PRISM_PASSWORD` in the environment. A backup is a recovery point on the cluster ' +
        'and the specification of the VM in the folder.'
      );
  }
}

const row = (name: string, value: string) => `| ${name} | ${value} |`;
const time = (at: string) =>
  new Date(at)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' UTC');

/** Text that Markdown takes for nothing but text, on one line. */
function text(value: string): string {
  return value.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').replace(/[\\`*_[\]<>#|&~]/g, '\\$&');
}

/** Code on one line, whatever backquotes it has; in a table as well. */
function code(value: string): string {
  const line = value.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').replaceAll('|', '\\|');
  const longest = Math.max(0, ...(line.match(/`+/g) ?? []).map(({ length }) => length));
  const fence = '`'.repeat(longest + 1);
  return longest > 0 ? `${fence} ${line} ${fence}` : fence + line + fence;
}
