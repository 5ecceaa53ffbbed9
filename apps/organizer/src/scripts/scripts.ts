import { isWindows, type ArchiveDocument } from '../archive/document.ts';
import { safeName } from '../archive/folder-name.ts';
import { kvmBackup, kvmSnapshot } from './kvm.ts';
import { prismBackup, prismSnapshot } from './prism.ts';
import { windowsBackup, windowsSnapshot } from './workstation-windows.ts';
import { workstationBackup, workstationSnapshot } from './workstation.ts';

export const scriptNames = [
  'backup_script.sh',
  'snapshot_script.sh',
  'backup_script.bat',
  'snapshot_script.bat',
] as const;

/** The scripts of a VM by file name: shell, or batch where its host runs Windows. */
export function scriptsOf(document: ArchiveDocument): Partial<Record<(typeof scriptNames)[number], string>> {
  const label = safeName(document.name);
  const { nativeId } = document.vm;
  switch (document.hypervisor) {
    case 'kvm':
      return {
        'backup_script.sh': kvmBackup(nativeId, label),
        // A snapshot by virsh holds no firmware variables, and of a VM that is on virsh takes none.
        ...(document.vm.firmware === 'uefi' ? {} : { 'snapshot_script.sh': kvmSnapshot(nativeId) }),
      };
    case 'nutanix':
      return { 'backup_script.sh': prismBackup(nativeId, label), 'snapshot_script.sh': prismSnapshot(nativeId) };
    case 'vmware': {
      const vmx = document.definition?.files.find((path) => /\.vmx$/i.test(path)) ?? '';
      return isWindows(document)
        ? { 'backup_script.bat': windowsBackup(vmx, label), 'snapshot_script.bat': windowsSnapshot(vmx) }
        : { 'backup_script.sh': workstationBackup(vmx, label), 'snapshot_script.sh': workstationSnapshot(vmx) };
    }
  }
}
