import { Session } from './host/session.ts';
import { takeName } from './monitor/launch.ts';
import { Monitor } from './monitor/monitor.ts';

/** The process of one running VM; `vmrun start` launches it, and its command line ends with the .vmx path. */
const vmx = process.env['VMRUN_SIMULATOR_VMX'];
if (vmx === undefined) {
  process.stderr.write('vmware-vmx is started by vmrun\n');
  process.exitCode = 1;
} else {
  takeName();
  await new Monitor(new Session(), vmx, process.env['VMRUN_SIMULATOR_HEADLESS'] === 'yes').start();
}
