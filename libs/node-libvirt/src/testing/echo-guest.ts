/**
 * A guest of 512 bytes: a boot sector that says `ready` on the first serial port and then sends back what it receives.
 * It sleeps while nothing comes, and starts in about a second without hardware virtualisation.
 */
export function echoBootSector(): Buffer {
  const program = [
    [0xfb], //             sti
    [0x31, 0xc0], //       xor ax, ax
    [0x8e, 0xd8], //       mov ds, ax
    [0xbe, 0x37, 0x7c], // mov si, greeting
    [0xac], //             next: lodsb
    [0x84, 0xc0], //       test al, al
    [0x74, 0x05], //       jz echo
    [0xe8, 0x16, 0x00], // call put
    [0xeb, 0xf6], //       jmp next
    [0xba, 0xfd, 0x03], // echo: mov dx, line status
    [0xec], //             in al, dx
    [0xa8, 0x01], //       test al, received
    [0x75, 0x03], //       jnz take
    [0xf4], //             hlt, until the next timer tick
    [0xeb, 0xf5], //       jmp echo
    [0xba, 0xf8, 0x03], // take: mov dx, data
    [0xec], //             in al, dx
    [0xe8, 0x02, 0x00], // call put
    [0xeb, 0xec], //       jmp echo
    [0x88, 0xc3], //       put: mov bl, al
    [0xba, 0xfd, 0x03], // mov dx, line status
    [0xec], //             wait: in al, dx
    [0xa8, 0x20], //       test al, sent
    [0x74, 0xfb], //       jz wait
    [0x88, 0xd8], //       mov al, bl
    [0xba, 0xf8, 0x03], // mov dx, data
    [0xee], //             out dx, al
    [0xc3], //             ret
  ].flat();
  const sector = Buffer.alloc(512);
  sector.set(program);
  sector.write('ready\r\n\0', program.length, 'latin1');
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

/** A domain that boots it from a disk, with a serial console, a display and a balloon. */
export function echoDomainXml(name: string, disk: { path: string; format: 'raw' | 'qcow2' } | null): string {
  const diskXml =
    disk === null
      ? ''
      : `<disk type='file' device='disk'>
           <driver name='qemu' type='${disk.format}'/><source file='${disk.path}'/><target dev='vda' bus='virtio'/>
         </disk>`;
  return `<domain type='qemu'>
    <name>${name}</name>
    <memory unit='MiB'>32</memory>
    <vcpu>1</vcpu>
    <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os>
    <devices>
      <emulator>/usr/bin/qemu-system-x86_64</emulator>
      ${diskXml}
      <serial type='pty'/>
      <console type='pty'/>
      <video><model type='vga'/></video>
      <memballoon model='virtio'/>
    </devices>
  </domain>`;
}
