import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { required, type Call, type MachineCall } from '../command-line/call.ts';
import { refusal } from '../command-line/errors.ts';
import { createDisk } from '../disks/create-disk.ts';
import { findQemuImg } from '../disks/qemu-img.ts';
import { Dictionary } from '../dictionary/dictionary.ts';
import { replaceFile } from '../host/replace-file.ts';
import { deleteMachine } from '../machine/delete-machine.ts';

const PHOTON_SECTORS = 16 * 2 ** 21;

export async function deleteVm(call: MachineCall): Promise<void> {
  const { machine } = call;
  if (machine.run()) throw refusal('already-running-3007');
  if (machine.isOpenInGui()) throw refusal('vm-in-use');
  await deleteMachine(machine, call.halfway);
}

export async function upgradeVm(call: MachineCall): Promise<void> {
  const { machine } = call;
  if (call.product === 'player') throw refusal('not-supported');
  if (machine.run()) throw refusal('already-running-3007');
  const newest = machine.knobs.maxHardwareVersion;
  if (Number(machine.configuration().get('virtualHW.version')) >= newest) {
    if (machine.knobs.upgradeCurrent === 'ok') return;
    throw refusal('up-to-date');
  }
  await call.halfway();
  machine.edit((vmx) => vmx.set('virtualHW.version', String(newest)));
}

/** Makes a Photon OS VM in the folder, with an empty disk in place of the downloaded one. */
export async function downloadPhotonVm(call: Call): Promise<void> {
  const { session } = call;
  const folder = session.paths.local(required(call, 0));
  if (!existsSync(folder)) throw refusal('file-not-found');
  const vmFolder = join(folder, 'photon');
  if (existsSync(vmFolder)) throw refusal('file-exists');
  mkdirSync(vmFolder);
  await call.halfway();
  const { maxHardwareVersion, qemuImg } = session.knobs;
  createDisk(
    {
      path: join(vmFolder, 'photon.vmdk'),
      sectors: PHOTON_SECTORS,
      adapter: 'lsilogic',
      type: 0,
      hardwareVersion: String(maxHardwareVersion),
    },
    qemuImg === 'auto' ? findQemuImg() : undefined,
  );
  const configuration = Dictionary.of({
    'config.version': '8',
    'virtualHW.version': String(maxHardwareVersion),
    displayName: 'photon',
    guestOS: 'vmware-photon-64',
    memsize: '2048',
    numvcpus: '1',
    'pciBridge0.present': 'TRUE',
    'scsi0.present': 'TRUE',
    'scsi0.virtualDev': 'lsilogic',
    'scsi0:0.present': 'TRUE',
    'scsi0:0.fileName': 'photon.vmdk',
    'ethernet0.present': 'TRUE',
    'ethernet0.connectionType': 'nat',
    'ethernet0.virtualDev': 'e1000',
    'ethernet0.addressType': 'generated',
    'floppy0.present': 'FALSE',
  });
  replaceFile(join(vmFolder, 'photon.vmx'), configuration.bytes());
}
