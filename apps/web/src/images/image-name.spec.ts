import { describe, expect, it } from '@jest/globals';
import { imageNameOf } from './image-name.ts';

describe('what an image may be called', () => {
  it.each([
    ['https://cloud.example/images/debian-13-generic-amd64.qcow2', 'debian-13-generic-amd64'],
    ['https://cloud.example/get/disk.raw.xz?token=a/b#c', 'disk'],
    ['rescue 2.1.ISO', 'rescue 2.1'],
    ['C:\\images\\tools.iso', 'tools'],
    ['https://cloud.example/', ''],
    ['', ''],
  ])('is taken from %j', (source, name) => {
    expect(imageNameOf(source)).toBe(name);
  });
});
