import type { Knobs } from '../knobs/catalogue.ts';
import { Refusal } from './errors.ts';

type Product = Knobs['product'];

const PRODUCTS: Record<string, Product> = { ws: 'workstation', player: 'player', fusion: 'fusion' };

/** What each product accepts after `-T`: Workstation Pro brings Player along. */
const ACCEPTED: Record<Product, Product[]> = {
  workstation: ['workstation', 'player'],
  player: ['player'],
  fusion: ['fusion'],
};

/** The product that answers a call with this `-T`; without one, the product that is installed. */
export function productFor(hostType: string | undefined, installed: Product): Product {
  if (hostType === undefined) return installed;
  const wanted = PRODUCTS[hostType.toLowerCase()];
  if (wanted === 'workstation' && installed !== 'workstation') {
    throw new Refusal([
      'Unable to connect to host.',
      'Error: Service type VIX_SERVICEPROVIDER_VMWARE_WORKSTATION was specified, but not installed',
    ]);
  }
  if (wanted === undefined || !ACCEPTED[installed].includes(wanted)) {
    throw new Refusal([`Invalid host type '${hostType}' specified`]);
  }
  return wanted;
}
