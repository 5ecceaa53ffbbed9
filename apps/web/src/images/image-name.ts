/** Endings of files that images come in, which are no part of their names. */
const ending = /\.(?:qcow2|img|raw|iso|vmdk|vdi|vhdx?|gz|xz|zst|bz2)$/i;

/** What an image may be called by where it comes from: the file of an address, or a file of this machine. */
export function imageNameOf(source: string): string {
  let name = source.split(/[?#]/, 1)[0]!.split(/[/\\]/).at(-1)!;
  while (ending.test(name)) name = name.replace(ending, '');
  return name;
}
