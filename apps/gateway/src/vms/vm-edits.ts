import { Injectable } from '@nestjs/common';
import {
  hardwareFields,
  ProblemError,
  type CloneVmInput,
  type CreateVmInput,
  type DeleteVmQuery,
  type EditVmInput,
  type Operation,
  type ReconfigureVm,
  type VmId,
} from '@polyvirt/contracts';
import { etagOf, requireMatch } from '../http/etag.ts';
import type { AnnotationChange } from '../inventory/annotations.ts';
import { Inventory } from '../inventory/inventory.ts';
import { Operations, type Author } from '../operations/operations.ts';
import { VmCommands } from './vm-commands.ts';

/** Tells what the hypervisor keeps of a VM from what we keep. */
@Injectable()
export class VmEdits {
  constructor(
    private readonly inventory: Inventory,
    private readonly commands: VmCommands,
    private readonly operations: Operations,
  ) {}

  /** Labels and the like wait in the operation: before it has ended nobody knows the id of the VM. */
  create(
    { host, labels, notes, protected: isProtected, whenOffline, notAfter, ...input }: CreateVmInput,
    author: Author,
  ): Promise<Operation> {
    const isPlain = Object.keys(labels).length === 0 && notes === '' && !isProtected;
    return this.commands.create(host, input, {
      author,
      options: { whenOffline, notAfter },
      ...(!isPlain && { annotation: { labels, notes, protected: isProtected } }),
    });
  }

  /** With hardware among the changes all of them wait for the agent, so that they happen together or not at all. */
  async edit(vmId: VmId, input: EditVmInput, ifMatch: string | undefined, author: Author): Promise<Operation> {
    const entry = this.inventory.require(vmId);
    const { hardware, annotation } = partsOf(input);
    requireMatch(ifMatch, entry.etag);
    if (hardware) {
      const { whenOffline, notAfter } = input;
      const options = { whenOffline, notAfter };
      return this.commands.reconfigure(vmId, hardware, { author, options, ...(annotation && { annotation }) });
    }
    if (annotation) {
      const check = ({ version }: { version: number }) => requireMatch(ifMatch, etagOf(entry.revision, version));
      return this.operations.annotate(vmId, annotation, author, check);
    }
    throw new ProblemError('invalid-input', 'There is nothing to change. Name at least one field of the VM.', {
      errors: [{ pointer: '', detail: 'Nothing to change.' }],
    });
  }

  async delete(
    vmId: VmId,
    { disks, ...options }: DeleteVmQuery,
    ifMatch: string | undefined,
    author: Author,
  ): Promise<Operation> {
    requireMatch(ifMatch, this.inventory.require(vmId).etag);
    return this.commands.delete(vmId, { disks }, { author, options });
  }

  clone(vmId: VmId, { whenOffline, notAfter, ...input }: CloneVmInput, author: Author): Promise<Operation> {
    return this.commands.clone(vmId, input, { author, options: { whenOffline, notAfter } });
  }
}

function partsOf(input: EditVmInput): { hardware?: ReconfigureVm; annotation?: AnnotationChange } {
  const hardware = Object.fromEntries(
    hardwareFields.filter((field) => input[field] !== undefined).map((field) => [field, input[field]]),
  ) as ReconfigureVm;
  const { labels, notes, protected: isProtected } = input;
  const annotation: AnnotationChange = {
    ...(labels && { labels }),
    ...(notes !== undefined && { notes }),
    ...(isProtected !== undefined && { protected: isProtected }),
  };
  return {
    ...(Object.keys(hardware).length > 0 && { hardware }),
    ...(Object.keys(annotation).length > 0 && { annotation }),
  };
}
