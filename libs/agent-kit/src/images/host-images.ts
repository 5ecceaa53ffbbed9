import { NetworkList } from '@polyvirt/config';
import {
  createImage,
  deleteImage,
  ProblemError,
  uploadContentPath,
  uploadTicketHeader,
  type Capabilities,
  type Command,
  type CommandOf,
} from '@polyvirt/contracts';
import type { ImageSource, ImageSources } from '@polyvirt/hypervisor';
import { ReachableAddresses } from './reachable-addresses.ts';
import { WebSource } from './web-source.ts';

type CreateImage = CommandOf<typeof createImage>['input'];
type DeleteImage = CommandOf<typeof deleteImage>['input'];

const noGatewayUrl =
  'The agent does not know where the gateway is. Set POLYVIRT_GATEWAY_URL of the agent, and restart it.';
const everywhere = new ReachableAddresses(new NetworkList('0.0.0.0/0, ::/0'));

/** A command that is carried out, or is only planned. */
type Asked = Pick<Command, 'verb' | 'input'> & { readonly operationId?: string };

const verbs: ReadonlySet<string> = new Set([createImage.verb, deleteImage.verb]);

/** What an agent has to say to commands about images, beside what its driver does. */
export class HostImages implements ImageSources {
  readonly #addresses: ReachableAddresses;

  constructor(
    /** Where uploads are. */
    private readonly gatewayUrl: string | undefined,
    /** Networks beside the internet that images are fetched from. */
    networks: ConstructorParameters<typeof ReachableAddresses>[0],
    /** Commands that are carried out now. */
    private readonly running: () => readonly Command[],
    /** Lists the images anew, and publishes them. */
    private readonly refresh: () => Promise<void>,
  ) {
    this.#addresses = new ReachableAddresses(networks);
  }

  of({ url, upload, sha256, ticket }: CreateImage & { readonly ticket?: string }): ImageSource {
    if (upload === undefined) return new WebSource(url!, { addresses: this.#addresses, sha256 });
    if (this.gatewayUrl === undefined) throw new ProblemError('capability-missing', noGatewayUrl);
    return new WebSource(new URL(uploadContentPath(upload), this.gatewayUrl).href, {
      // The operator has named the place, and not whoever asks.
      addresses: everywhere,
      sha256,
      label: `the upload ${upload}`,
      advice: 'It may have expired, or been deleted: upload it again.',
      headers: ticket === undefined ? {} : { [uploadTicketHeader]: ticket },
    });
  }

  /** What the host can, as far as the agent has a part in it. */
  capabilitiesOf(capabilities: Capabilities): Capabilities {
    const { images } = capabilities;
    if (this.gatewayUrl !== undefined || images.features?.['fromUpload']?.available !== true) return capabilities;
    const fromUpload = { available: false, reason: noGatewayUrl };
    return { ...capabilities, images: { ...images, features: { ...images.features, fromUpload } } };
  }

  /**
   * Throws what can be known of a command before the driver is asked.
   * @throws ProblemError `invalid-input` for an address that nothing is fetched from, `image-in-use` if another operation may be
   *   making something of the image, `image-not-found` if another operation is deleting it
   */
  check(command: Asked): void {
    if (command.verb === createImage.verb) this.of(command.input as CreateImage);
    else if (command.verb === deleteImage.verb) this.#requireUnused(command);
    else this.#requireKept(command);
  }

  #requireUnused(command: Asked): void {
    const { image } = command.input as DeleteImage;
    const work = this.#others(command).find((other) => takesImage(other, image));
    if (!work) return;
    throw new ProblemError(
      'image-in-use',
      `The operation ${work.operationId} (${work.verb}) may be using the image ${image}. Try again when it has ended.`,
      { errors: [{ pointer: 'image', detail: 'An operation may be using it.' }] },
    );
  }

  #requireKept(command: Asked): void {
    const work = this.#others(command).find(
      ({ verb, input }) => verb === deleteImage.verb && takesImage(command, (input as DeleteImage).image),
    );
    if (!work) return;
    const { image } = work.input as DeleteImage;
    throw new ProblemError('image-not-found', `The operation ${work.operationId} is deleting the image ${image}.`);
  }

  #others({ operationId }: Asked): readonly Command[] {
    return this.running().filter((command) => command.operationId !== operationId);
  }

  /** Shows what a command has made or deleted before it is told as done. */
  async carriedOut({ verb }: Pick<Command, 'verb'>): Promise<void> {
    if (verbs.has(verb)) await this.refresh();
  }
}

/** Whether a command makes a disk of an image, or puts it into a drive. */
function takesImage({ verb, input }: Asked, name: string): boolean {
  if (verbs.has(verb)) return false;
  const { image, cdrom, disks } = input as { image?: unknown; cdrom?: unknown; disks?: unknown };
  const ofDisks = Array.isArray(disks) ? disks.map((disk: { image?: unknown } | null) => disk?.image) : [];
  return [image, cdrom, ...ofDisks].includes(name);
}
