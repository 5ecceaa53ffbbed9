import { VmId, type CloudEvent } from '@polyvirt/contracts';
import { withoutFolders } from '../disclosure/host-folders.ts';

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
  /** Both for who may not know the folders of hosts; made when somebody asks for it. */
  readonly veiled: Pick<StreamEvent, 'event' | 'frame'>;
}

export function streamEventOf(sequence: number, host: string, event: CloudEvent): StreamEvent {
  const frameOf = (data: string) => `id: ${sequence}\nevent: ${event.type}\ndata: ${data}\n\n`;
  let veiled: StreamEvent['veiled'] | undefined;
  return {
    ...{ sequence, type: event.type, host, vmId: vmIdOf(event) },
    ...{ event, frame: frameOf(JSON.stringify(event)) },
    get veiled() {
      return (veiled ??= veil(event, frameOf));
    },
  };
}

function veil(event: CloudEvent, frameOf: (data: string) => string): StreamEvent['veiled'] {
  const json = withoutFolders(JSON.stringify(event));
  return { event: JSON.parse(json) as CloudEvent, frame: frameOf(json) };
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
