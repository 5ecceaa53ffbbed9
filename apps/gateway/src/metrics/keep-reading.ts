import type { Metrics } from '@polyvirt/contracts';

/**
 * Writes a new reading over the last one of the same VM. Twenty thousand readings that each replaced an object of the
 * sweep before would live just long enough to be moved to where the collector seldom looks, and double the heap.
 */
export function keepReading(kept: Metrics, reading: Metrics): void {
  kept.state = reading.state;
  kept.cpuPercent = reading.cpuPercent;
  kept.memoryPercent = reading.memoryPercent;
  kept.memoryUsedMiB = reading.memoryUsedMiB;
  kept.memoryTotalMiB = reading.memoryTotalMiB;
  kept.observedAt = reading.observedAt;
  for (const [n, disk] of reading.disks.entries()) {
    const slot = kept.disks[n];
    if (!slot) kept.disks.push(disk);
    else {
      slot.device = disk.device;
      slot.readBytes = disk.readBytes;
      slot.writeBytes = disk.writeBytes;
      slot.readBytesPerSecond = disk.readBytesPerSecond;
      slot.writeBytesPerSecond = disk.writeBytesPerSecond;
    }
  }
  kept.disks.length = reading.disks.length;
  for (const [n, network] of reading.networks.entries()) {
    const slot = kept.networks[n];
    if (!slot) kept.networks.push(network);
    else {
      slot.interface = network.interface;
      slot.mac = network.mac;
      slot.rxBytes = network.rxBytes;
      slot.txBytes = network.txBytes;
      slot.rxBytesPerSecond = network.rxBytesPerSecond;
      slot.txBytesPerSecond = network.txBytesPerSecond;
    }
  }
  kept.networks.length = reading.networks.length;
}
