import { Session } from './host/session.ts';
import { Machine } from './machine/machine.ts';
import { takeName } from './monitor/launch.ts';
import { GuiWindow } from './monitor/gui-window.ts';

/** The GUI's process that `vmrun start ... gui` leaves behind. */
const vmx = process.env['VMRUN_SIMULATOR_VMX'];
if (vmx === undefined) {
  process.stderr.write('the window is opened by vmrun\n');
  process.exitCode = 1;
} else {
  takeName();
  const session = new Session();
  new GuiWindow(new Machine(session, session.paths.shown(vmx), vmx)).open();
  process.send?.('open', () => process.connected && process.disconnect());
}
