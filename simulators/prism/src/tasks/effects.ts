import { createEntity, deleteEntity, updateEntity, type EntityKind } from '../entities/entity.effects.ts';
import type { ImageFiles } from '../images/image-files.ts';
import { createImage, deleteImage } from '../images/image.effects.ts';
import { newUuid } from '../identity.ts';
import type { Datacenter } from '../state/datacenter.ts';
import { createConsoleToken } from '../console/console-token.effect.ts';
import type { ConsoleTokens } from '../console/console-tokens.ts';
import { cloneVm, restoreVm } from '../vms/vm-clone.effect.ts';
import { createVm, vmOf } from '../vms/vm-create.effect.ts';
import { deleteVm } from '../vms/vm-delete.effect.ts';
import { changeVmPart } from '../vms/vm-part.effect.ts';
import { powerVm } from '../vms/vm-power.effect.ts';
import { customizeVm, migrateVm, staleVm, tagVm } from '../vms/vm-other.effect.ts';
import { updateVm } from '../vms/vm-update.effect.ts';
import { deleteRecoveryPoint, revertVm, snapshotVm, updateRecoveryPoint } from '../vms/recovery-point.effect.ts';
import type { Effect } from './task-engine.ts';

/** Every operation a task can carry out, by the name that is kept with the task. */
export function allEffects(site: Datacenter, files: ImageFiles, tokens: ConsoleTokens): ReadonlyMap<string, Effect> {
  const plain = (kind: EntityKind): [string, Effect][] => [
    [`${kind}.create`, createEntity(site, kind)],
    [`${kind}.update`, updateEntity(site, kind)],
    [`${kind}.delete`, deleteEntity(site, kind)],
  ];
  return new Map<string, Effect>([
    ...plain('subnet'),
    ...plain('project'),
    ...plain('volume_group'),
    ...plain('webhook'),
    ['image.create', createImage(site, files)],
    ['image.update', updateEntity(site, 'image')],
    ['image.delete', deleteImage(site, files)],
    ['vm.create', createVm(site)],
    ['vm.update', updateVm(site)],
    ['vm.delete', deleteVm(site)],
    ['vm.power', powerVm(site)],
    ['vm.clone', cloneVm(site)],
    ['vm.snapshot', snapshotVm(site)],
    ['vm.revert', revertVm(site)],
    ['vm.part', changeVmPart(site)],
    ['vm.migrate', migrateVm(site)],
    ['vm.tag', tagVm(site)],
    ['vm.customize', customizeVm(site)],
    ['vm.stale', staleVm()],
    ['vm.console', createConsoleToken(site, tokens)],
    // The OVA and the moved disks have no further life in this simulator.
    [
      'vm.export',
      { finish: (task) => ({ changes: [], entities: [...task.entities, { kind: 'ova', uuid: newUuid() }] }) },
    ],
    ['vm.noop', { finish: (task) => ({ changes: [['vm', vmOf(site, task).uuid, vmOf(site, task)]] }) }],
    ['recovery_point.update', updateRecoveryPoint(site)],
    ['recovery_point.delete', deleteRecoveryPoint(site)],
    ['recovery_point.restore', restoreVm(site)],
  ]);
}
