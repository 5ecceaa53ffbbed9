/** How a client wants pixels; true colour only. */
export interface PixelFormat {
  bitsPerPixel: number;
  isBigEndian: boolean;
  max: [red: number, green: number, blue: number];
  shift: [red: number, green: number, blue: number];
}

export const WIDTH = 320;
export const HEIGHT = 200;

export const SERVER_FORMAT: PixelFormat = {
  bitsPerPixel: 32,
  isBigEndian: false,
  max: [255, 255, 255],
  shift: [16, 8, 0],
};

/** The simulated screen: dark, with a bar that moves with time. Rows of `[red, green, blue]`. */
export function colourAt(x: number, y: number, time: number): [number, number, number] {
  const bar = Math.floor(time / 50) % WIDTH;
  const isBar = y >= HEIGHT - 8 && x >= bar && x < bar + 24;
  return isBar ? [96, 176, 240] : [16, 20, Math.min(255, 32 + (y >> 2))];
}

/** The whole screen in the client's format. */
export function renderFrame(format: PixelFormat, time: number): Buffer {
  const size = format.bitsPerPixel / 8;
  const pixels = Buffer.alloc(WIDTH * HEIGHT * size);
  for (let y = 0, position = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++, position += size) {
      const value = pixelOf(colourAt(x, y, time), format);
      if (format.isBigEndian) pixels.writeUIntBE(value, position, size);
      else pixels.writeUIntLE(value, position, size);
    }
  }
  return pixels;
}

function pixelOf(colour: [number, number, number], { max, shift }: PixelFormat): number {
  return colour.reduce((sum, part, index) => sum + Math.round((part * max[index]!) / 255) * 2 ** shift[index]!, 0);
}

export function readPixelFormat(bytes: Buffer): PixelFormat {
  return {
    bitsPerPixel: bytes.readUInt8(0),
    isBigEndian: bytes.readUInt8(2) !== 0,
    max: [bytes.readUInt16BE(4), bytes.readUInt16BE(6), bytes.readUInt16BE(8)],
    shift: [bytes.readUInt8(10), bytes.readUInt8(11), bytes.readUInt8(12)],
  };
}

export function writePixelFormat({ bitsPerPixel, isBigEndian, max, shift }: PixelFormat): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt8(bitsPerPixel, 0);
  bytes.writeUInt8(24, 1);
  bytes.writeUInt8(isBigEndian ? 1 : 0, 2);
  bytes.writeUInt8(1, 3);
  max.forEach((value, index) => bytes.writeUInt16BE(value, 4 + index * 2));
  shift.forEach((value, index) => bytes.writeUInt8(value, 10 + index));
  return bytes;
}
