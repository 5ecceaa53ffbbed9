import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Enclosure, root } from '@polyvirt/tools';
import { LibvirtDriver } from '../libvirt.driver.ts';

const record = '/run/polyvirt/libvirtd.started';
const start = ['sh', join(root, 'tools/machine/start-libvirtd.sh'), 'hide', record] as const;

/** A libvirt of a test's own, set up as that of the system, whose daemons it may kill. Its machines end with it. */
export class OwnLibvirt {
  readonly socketPath: string;
  /** Everything of it is below this. */
  readonly folder: string;
  readonly #enclosure: Enclosure;

  private constructor(enclosure: Enclosure) {
    this.#enclosure = enclosure;
    this.socketPath = join(enclosure.folder, 'run/libvirt/libvirt-sock');
    this.folder = enclosure.folder;
  }

  static async open(): Promise<OwnLibvirt> {
    const enclosure = await Enclosure.open('sh', ['-c', `${start.join(' ')} && exec sleep infinity`]);
    while (!(await isThere(join(enclosure.folder, record)))) {
      if (enclosure.child.exitCode !== null) throw new Error('libvirt does not start in an enclosure');
      await delay(20);
    }
    return new OwnLibvirt(enclosure);
  }

  /**
   * A driver with a storage pool of its own.
   * @param socketPath  something that stands before that of libvirt
   */
  driver(pool: string, socketPath = this.socketPath): LibvirtDriver {
    const { folder } = this;
    return new LibvirtDriver({
      uri: 'qemu:///system',
      socketPath,
      logs: {
        socketPath: join(folder, 'run/libvirt/virtlogd-sock'),
        configFile: join(folder, 'configuration/qemu.conf'),
      },
      acceleration: 'qemu',
      pool: { name: pool, path: join(folder, pool) },
      imageFolder: '/nonexistent',
    });
  }

  /** Kills a daemon; resolves when it is gone. */
  async kill(daemon: 'libvirtd' | 'virtlogd'): Promise<void> {
    const script = 'pid=$(cat "$1"); kill -KILL "$pid"; while kill -0 "$pid" 2>/dev/null; do sleep 0.01; done';
    await this.#enclosure.run('sh', ['-c', script, 'kill', `/run/${daemon}.pid`]);
  }

  /** Starts the daemons that do not run. */
  async revive(): Promise<void> {
    await this.#enclosure.run(start[0], start.slice(1));
  }

  close(): Promise<void> {
    return this.#enclosure.close();
  }
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
