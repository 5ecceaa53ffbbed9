import type { Volume } from '@polyvirt/node-libvirt';
import { attribute, child, parseXml, text } from '../xml.ts';

/** What libvirt knows of a volume. */
export interface VolumeFacts {
  readonly path: string;
  readonly format: string;
  /** Size that a guest sees. */
  readonly bytes: number;
  /** The file below, when it is an overlay. */
  readonly backing: string | undefined;
  readonly backingFormat: string | undefined;
}

export async function readVolume(volume: Volume): Promise<VolumeFacts> {
  const element = child(parseXml(await volume.xml()), 'volume');
  const target = child(element, 'target');
  const backingStore = child(element, 'backingStore');
  return {
    path: text(target, 'path') ?? '',
    format: attribute(child(target, 'format'), 'type') ?? 'raw',
    bytes: Number(text(element, 'capacity') ?? 0),
    backing: text(backingStore, 'path'),
    backingFormat: attribute(child(backingStore, 'format'), 'type'),
  };
}
