import { knobsFor, readSettings, type Settings } from '../knobs/knob-file.ts';
import type { Knobs } from '../knobs/catalogue.ts';
import { Clock } from './clock.ts';
import { HostPaths } from './host-paths.ts';
import { Registry } from './registry.ts';

/** The installation as one call of a command finds it. */
export class Session {
  readonly registry: Registry;
  readonly settings: Settings;
  readonly paths: HostPaths;
  readonly clock: Clock;

  constructor(registry = new Registry()) {
    this.registry = registry;
    this.clock = new Clock(registry);
    this.settings = readSettings(registry.knobFiles);
    const { style, drives } = this.settings.knobs;
    this.paths = new HostPaths(style, drives, registry.own('drives'));
  }

  get knobs(): Knobs {
    return this.settings.knobs;
  }

  /** The knobs for the VM with this .vmx on this machine. */
  knobsOf(vmx: string): Knobs {
    return knobsFor(this.settings, vmx, this.paths.shown(vmx));
  }
}
