import { randomBytes } from 'node:crypto';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { memoryOf, writeCheckpoint } from './checkpoint-file.ts';
import { releaseAllIn } from './lock-folder.ts';
import type { Machine } from './machine.ts';
import { forgetRun, updateRun, type Run } from './run.ts';
import { VmLog } from './vm-log.ts';

/** Ends a run in good order, from within the VM's process. */
export function endRun(machine: Machine, run: Run): void {
  const log = new VmLog(machine.folder);
  const ending = run.ending ?? { how: 'off', at: machine.session.clock.now(), isSoft: false };
  // The folder may have been deleted under the running VM; then only the record is left to clean.
  if (existsSync(machine.vmx)) {
    if (ending.how === 'suspended') suspend(machine, run);
    else rmSync(machine.companion('.vmem'), { force: true });
    machine.edit((vmx) => {
      if (!run.isBlocked) vmx.set('cleanShutdown', 'TRUE');
      if (ending.isSoft) vmx.set('softPowerOff', 'TRUE');
    });
    if (ending.how === 'suspended') log.write('Checkpoint_Suspend: done');
    else {
      log.write(ending.isSoft ? 'PIIX4: PM Soft Off.  Good-bye.' : 'Vix: VMAutomation_PowerOff. Powering off.');
      log.write('VMX has left the building: 0.');
    }
  }
  if (machine.knobs.leavesLocks === 'no') releaseAllIn(machine.folder, process.pid);
  leaveRecord(machine, run);
}

function suspend(machine: Machine, run: Run): void {
  const stem = `${machine.name}-${randomBytes(4).toString('hex')}`;
  const suspendFile = machine.file(`${stem}.vmss`);
  const checkpoint = { configuration: machine.configuration().bytes(), memory: memoryOf(run) };
  writeCheckpoint(suspendFile, checkpoint, machine.session.clock);
  renameSync(machine.companion('.vmem'), machine.file(`${stem}.vmem`));
  machine.edit((vmx) => vmx.set('checkpoint.vmState', basename(suspendFile)));
}

/** A `list` that lags still shows the VM for a while. */
function leaveRecord(machine: Machine, run: Run): void {
  const { registry, knobs, clock } = machine.session;
  if (knobs.listLagMs > 0) updateRun(registry, run.vmx, (record) => (record.endedAt = clock.now()));
  else forgetRun(registry, run.vmx);
}
