import { required, type MachineCall } from '../command-line/call.ts';
import { refusal } from '../command-line/errors.ts';
import { requireRun } from '../guest/tools-state.ts';
import { hasDevice } from '../machine/devices.ts';
import { changeRun } from '../machine/signal-run.ts';

export const connectNamedDevice = (call: MachineCall): Promise<void> => setConnected(call, true);

export const disconnectNamedDevice = (call: MachineCall): Promise<void> => setConnected(call, false);

/** Plugs a device in or out for this run; the configuration stays as it is. */
async function setConnected(call: MachineCall, isConnected: boolean): Promise<void> {
  const { machine } = call;
  const device = required(call, 0).toLowerCase();
  requireRun(machine);
  if (!hasDevice(machine.configuration(), device)) throw refusal('invalid-parameter');
  await call.halfway();
  changeRun(machine, (run) => {
    const others = run.disconnectedDevices.filter((name) => name.toLowerCase() !== device);
    run.disconnectedDevices = isConnected ? others : [...others, device];
  });
}
