/** The n-th address of a subnet. */
export function addressIn(subnet: string, n: number): string {
  return toAddress(toNumber(subnet) + n);
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}
