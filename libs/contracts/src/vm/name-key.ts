/**
 * Two VMs of a host have one name when their keys are equal: names that differ only in case or in the spelling of an accent
 * are one name to the file systems of most products.
 */
export const nameKey = (name: string): string => name.normalize('NFC').toLowerCase();
