import { VmId, type CloudEvent } from '@polyvirt/contracts';

/** An event with its place in the stream, ready to be sent. */
export interface StreamEvent {
  /** Sequence in the stream: the cursor everywhere. */
  readonly sequence: number;
  readonly type: string;
  /** Of the subject it was published on, which the bus vouches for. */
  readonly host: string;
  /** The VM it is about, if it is about one. */
  readonly vmId: string | undefined;
  readonly event: CloudEvent;
  /** As server-sent events write it. */
  readonly frame: string;
}

export function streamEventOf(sequence: number, host: string, event: CloudEvent): StreamEvent {
  return {
    sequence,
    type: event.type,
    host,
    vmId: vmIdOf(event),
    event,
    frame: `id: ${sequence}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`,
  };
}

function vmIdOf({ data }: CloudEvent): string | undefined {
  const { vm, operation, archive } = (data ?? {}) as {
    vm?: { id?: unknown };
    operation?: { vmId?: unknown };
    archive?: { vmId?: unknown };
  };
  const parsed = VmId.safeParse(vm?.id ?? operation?.vmId ?? archive?.vmId);
  return parsed.success ? parsed.data : undefined;
}
