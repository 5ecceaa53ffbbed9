import { formatIp, networkCidr, parseIp, type Network } from '@polyvirt/contracts';

/** The facts of a network that drivers read in as many spellings as there are products. */
export interface NetworkFacts {
  /** An address with its prefix, of the network or of any machine in it. */
  readonly cidr?: string | undefined;
  readonly gateway?: string | undefined;
}

/** As the contract wants them: the address of the network itself, addresses in their usual form, nothing that is none. */
export function networkFacts({ cidr, gateway }: NetworkFacts): Pick<Network, 'cidr' | 'gateway'> {
  const network = cidr === undefined ? undefined : networkCidr(cidr);
  const ip = gateway === undefined ? undefined : parseIp(gateway);
  return { ...(network !== undefined && { cidr: network }), ...(ip && { gateway: formatIp(ip) }) };
}
