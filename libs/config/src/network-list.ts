import { BlockList, isIP } from 'node:net';
import { z } from 'zod';

const mapped = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;

/** Networks and single addresses, as a setting names them: `192.168.1.0/24, 10.0.0.5, fd00::/8`. */
export class NetworkList {
  private readonly list = new BlockList();
  private readonly text: string;

  /** Throws a sentence about the first part that is no network. */
  constructor(text: string) {
    const parts = text.split(',').map((part) => part.trim());
    for (const part of parts) {
      const [address = '', bits, ...rest] = part.split('/');
      const version = isIP(address);
      const most = version === 6 ? 128 : 32;
      const length = bits === undefined ? most : Number(bits);
      if (version === 0 || rest.length > 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits)) || length > most)
        throw new Error(
          `"${part}" is no network. Write it as \`192.168.1.0/24\` or \`fd00::/8\`, or one address alone.`,
        );
      this.list.addSubnet(address, length, version === 6 ? 'ipv6' : 'ipv4');
    }
    this.text = parts.join(', ');
  }

  has(address: string): boolean {
    const plain = address.replace(mapped, '');
    const version = isIP(plain);
    return version !== 0 && this.list.check(plain, version === 6 ? 'ipv6' : 'ipv4');
  }

  toString(): string {
    return this.text;
  }
}

/** The text of a setting that names networks. */
export const networks = z.string().transform((text, context) => {
  try {
    return new NetworkList(text);
  } catch (error) {
    context.addIssue((error as Error).message);
    return z.NEVER;
  }
});
