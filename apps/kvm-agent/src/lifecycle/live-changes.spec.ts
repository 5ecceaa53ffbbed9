import { describe, expect, it } from '@jest/globals';
import { buildDomainXml } from '../domain/domain-xml.ts';
import { child, parseXml } from '../xml.ts';
import { freePorts } from './live-changes.ts';

const ports = (devices: string): number =>
  freePorts(child(parseXml(`<domain><name>x</name><devices>${devices}</devices></domain>`), 'domain')!);
const controller = (index: number, model: string, on = '') =>
  `<controller type='pci' index='${index}' model='${model}'>${on}</controller>`;
const at = (bus: number, slot: number, fn = 0) =>
  `<address type='pci' domain='0x0000' bus='0x${bus.toString(16).padStart(2, '0')}' slot='0x${slot.toString(16).padStart(2, '0')}' function='0x${fn}'/>`;

describe('ports for devices that are plugged in', () => {
  it('are the root ports of PCI Express that nothing is on, whatever is on the root itself', () => {
    const root =
      controller(0, 'pcie-root') +
      controller(1, 'pcie-root-port', at(0, 1)) +
      controller(2, 'pcie-root-port', at(0, 1, 1));
    expect(ports(root)).toBe(2);
    expect(ports(`${root}<video>${at(0, 2)}</video><interface type='network'>${at(1, 0)}</interface>`)).toBe(1);
    expect(ports(`${root}<interface>${at(1, 0)}</interface><interface>${at(2, 0)}</interface>`)).toBe(0);
    expect(ports(root + controller(17, 'pcie-root-port'))).toBe(3);
  });

  it('are the slots of a bus of PCI, those of its bridges too', () => {
    expect(ports(controller(0, 'pci-root'))).toBe(31);
    const usb = `<controller type='usb' index='0'>${at(0, 1, 2)}</controller><controller type='ide' index='0'>${at(0, 1, 1)}</controller>`;
    expect(ports(controller(0, 'pci-root') + usb)).toBe(30);
    expect(ports(controller(0, 'pci-root') + controller(1, 'pci-bridge', at(0, 3)))).toBe(30 + 31);
  });

  it('are not counted where there is no PCI', () => {
    expect(ports('')).toBe(Infinity);
  });

  it('are there in a new machine', () => {
    const xml = buildDomainXml({
      name: 'n',
      uuid: '0198a2b4-0000-7000-8000-000000000001',
      cpus: 1,
      memoryMiB: 64,
      acceleration: 'qemu',
      firmware: 'bios',
      disks: [],
      cdroms: [],
      nics: [],
      createdAt: '2026-11-21T10:00:00Z',
    });
    expect(freePorts(child(parseXml(xml), 'domain')!)).toBe(8);
  });
});
