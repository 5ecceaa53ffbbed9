import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Where the installation keeps what real VMware keeps in the user's home and under /etc/vmware or %ProgramData%, and, below
 * `simulator/`, what only the simulator needs.
 */
export class Registry {
  readonly home: string;

  constructor(home = process.env['VMRUN_SIMULATOR_HOME'] || join(homedir(), '.vmware')) {
    this.home = home;
  }

  /** Knob files in order of precedence, weakest first. */
  get knobFiles(): (string | undefined)[] {
    return [this.own('knobs.json'), process.env['VMRUN_SIMULATOR_KNOBS'] || undefined];
  }

  get inventory(): string {
    return join(this.home, 'inventory.vmls');
  }

  preferences(style: 'linux' | 'windows'): string {
    return join(this.home, style === 'windows' ? 'preferences.ini' : 'preferences');
  }

  /** A file that Linux keeps under /etc/vmware. */
  linuxConfiguration(...names: string[]): string {
    return join(this.home, 'etc', 'vmware', ...names);
  }

  /** A file that Windows keeps under %ProgramData%\VMware. */
  windowsConfiguration(...names: string[]): string {
    return join(this.home, 'ProgramData', 'VMware', ...names);
  }

  /** A file of the simulator's own. */
  own(...names: string[]): string {
    return join(this.home, 'simulator', ...names);
  }
}
