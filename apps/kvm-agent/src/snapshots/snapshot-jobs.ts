import { setTimeout as delay } from 'node:timers/promises';
import { foreignText, ProblemError } from '@polyvirt/contracts';
import type { Domain } from '@polyvirt/node-libvirt';
import type { HostFiles } from '../storage/host-files.ts';

const LOOK_EVERY_MS = 100;

type Verb = 'snapshot-save' | 'snapshot-load' | 'snapshot-delete';

/** https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html#qapidoc-1062 */
interface Job {
  readonly id: string;
  readonly type: string;
  readonly status: string;
  readonly error?: string;
}

interface Node {
  readonly 'node-name'?: string;
  readonly drv: string;
  readonly ro: boolean;
  readonly image: { readonly filename: string };
}

/**
 * Snapshots inside the qcow2 disks of a machine that is on, the first of which holds its memory too, by the jobs of QEMU. Those of
 * libvirt take in every file that the machine writes to, and a file of firmware variables, which is raw, can hold none.
 */
export class SnapshotJobs {
  readonly #domain: Domain;
  readonly #files: HostFiles;

  constructor(domain: Domain, files: HostFiles) {
    this.#domain = domain;
    this.#files = files;
  }

  /** The machine stands still meanwhile, and runs on afterwards if it ran before. */
  save(tag: string, disks: readonly string[]): Promise<void> {
    return this.#run('snapshot-save', tag, disks);
  }

  /** For a machine that was started paused, with the hardware of the snapshot: it is where it was then, and paused. */
  load(tag: string, disks: readonly string[]): Promise<void> {
    return this.#run('snapshot-load', tag, disks);
  }

  /** Also of a snapshot that is not there. */
  remove(tag: string, disks: readonly string[]): Promise<void> {
    return this.#run('snapshot-delete', tag, disks);
  }

  async #run(verb: Verb, tag: string, disks: readonly string[]): Promise<void> {
    const id = `polyvirt-${verb}`;
    // One of an agent that died goes on without it, and its outcome is nobody's.
    await this.#end(id);
    const devices = await this.#nodesOf(disks);
    const memory = verb === 'snapshot-delete' ? {} : { vmstate: devices[0] };
    await this.#ask(verb, { 'job-id': id, tag, devices, ...memory });
    const job = await this.#end(id);
    if (job?.error !== undefined)
      throw new ProblemError('host-rejected', `QEMU says to the snapshot "${tag}": ${foreignText(job.error)}.`);
  }

  /** Waits until a job is over, and lets go of it. */
  async #end(id: string): Promise<Job | undefined> {
    for (;;) {
      const jobs = (await this.#ask('query-jobs', {})) as Job[];
      const job = jobs.find((one) => one.id === id);
      if (!job) return undefined;
      if (job.status === 'concluded') {
        await this.#ask('job-dismiss', { id });
        return job;
      }
      await delay(LOOK_EVERY_MS);
    }
  }

  /** The nodes of QEMU that write to these files. */
  async #nodesOf(disks: readonly string[]): Promise<string[]> {
    const nodes = (await this.#ask('query-named-block-nodes', { flat: true })) as Node[];
    const written = nodes.filter(({ drv, ro }) => drv === 'qcow2' && !ro);
    const names: string[] = [];
    for (const path of disks) {
      const identity = await this.#files.identity(path);
      let name: string | undefined;
      for (const node of written)
        if ((await this.#files.identity(node.image.filename)) === identity) name = node['node-name'];
      if (name === undefined)
        throw new ProblemError(
          'host-rejected',
          `QEMU has no qcow2 disk ${path} that it writes to, which is to be in a snapshot.`,
        );
      names.push(name);
    }
    return names;
  }

  async #ask(execute: string, args: object): Promise<unknown> {
    // While QEMU writes memory to a disk it answers nobody, however large that is.
    const reply = (await this.#domain.monitorCommand({ execute, arguments: args }, { unbounded: true })) as {
      readonly return?: unknown;
      readonly error?: { readonly desc: string };
    };
    if (reply.error)
      throw new ProblemError('host-rejected', `QEMU refuses ${execute}: ${foreignText(reply.error.desc)}.`);
    return reply.return;
  }
}
