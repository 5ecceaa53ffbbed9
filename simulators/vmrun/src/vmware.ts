import { asRefusal } from './command-line/host-errors.ts';
import { printLines } from './command-line/output.ts';
import { runProgram } from './command-line/program.ts';
import { hasDisplay } from './host/display.ts';
import type { Session } from './host/session.ts';
import { forever } from './knobs/fault-plan.ts';
import { openMachine } from './machine/machine.ts';
import { GuiWindow } from './monitor/gui-window.ts';
import { startMonitor } from './monitor/start-monitor.ts';

/** `vmware -v` prints the version; `vmware [-x] VMX` opens (and starts) the VM in a window until that is closed. */
export function main(argv: string[]): Promise<void> {
  return runProgram(async (session) => {
    if (argv.includes('-v') || argv.includes('--version')) {
      await printLines([versionOf(session)], session.knobs);
      return 0;
    }
    if (!hasDisplay(session)) {
      await printLines(['vmware: cannot open display'], session.knobs, process.stderr);
      return 1;
    }
    return openWindow(session, argv);
  });
}

function versionOf({ knobs }: Session): string {
  const product = { workstation: 'VMware Workstation', player: 'VMware Player', fusion: 'VMware Fusion' }[
    knobs.product
  ];
  return `${product} ${knobs.productVersion} build-${knobs.productBuild}`;
}

async function openWindow(session: Session, argv: string[]): Promise<number> {
  const vmx = argv.find((argument) => !argument.startsWith('-'));
  try {
    if (vmx !== undefined) {
      const machine = openMachine(session, vmx, session.knobsOf(session.paths.local(vmx)).vmPassword);
      new GuiWindow(machine).open();
      if (argv.includes('-x') && !machine.run()) await startMonitor(machine, false);
    }
  } catch (cause) {
    await printLines(asRefusal(cause).lines, session.knobs, process.stderr);
    return 1;
  }
  return forever();
}
