/** Writes IDX images and labels, gzipped without a time stamp so that equal content gives equal bytes. */
import { gzipSync } from 'node:zlib';
import { QatError } from '../contract/errors.js';
import { type AtomicWriteOptions, writeFileAtomic } from './atomic-file.js';
import type { IdxImages, IdxLabels } from './idx-reader.js';

/** Uncompressed IDX bytes of uint8 `data` with `sizes` (1 to 255 of them, C order). */
export function encodeIdx(sizes: readonly number[], data: Uint8Array): Uint8Array {
  const expected = sizes.reduce((product, size) => product * size, 1);
  const valid = sizes.length >= 1 && sizes.length <= 255 && sizes.every(isUint32);
  if (!valid || expected !== data.length) {
    throw new QatError(
      'E-IDX-SHAPE',
      `IDX of sizes ${sizes.join('×')} needs ${expected} bytes, ${data.length} were given.`,
      'Nothing was written. Report it with the log.',
    );
  }
  const bytes = Buffer.alloc(4 + 4 * sizes.length + data.length);
  bytes[2] = 0x08;
  bytes[3] = sizes.length;
  sizes.forEach((size, i) => {
    bytes.writeUInt32BE(size, 4 + 4 * i);
  });
  bytes.set(data, 4 + 4 * sizes.length);
  return bytes;
}

function isUint32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;
}

/**
 * Gzip with time 0 and operating system "unknown". The compressed bytes may still differ between zlib
 * builds; what is pinned across machines is the content.
 */
export function gzipDeterministic(bytes: Uint8Array): Uint8Array {
  const packed = gzipSync(bytes, { level: 9 });
  packed.writeUInt32LE(0, 4);
  packed[9] = 255;
  return packed;
}

/** Writes `path` atomically, gzipped when its name ends in `.gz`. @throws E-IDX-SHAPE, E-DISK-*, E-CANCELLED */
export async function writeIdxImages(
  path: string,
  images: IdxImages,
  options: AtomicWriteOptions = {},
): Promise<void> {
  await writeIdx(path, encodeIdx([images.count, images.height, images.width], images.pixels), options);
}

/** Writes `path` atomically, gzipped when its name ends in `.gz`. @throws E-IDX-SHAPE, E-DISK-*, E-CANCELLED */
export async function writeIdxLabels(
  path: string,
  labels: IdxLabels,
  options: AtomicWriteOptions = {},
): Promise<void> {
  await writeIdx(path, encodeIdx([labels.count], labels.labels), options);
}

function writeIdx(path: string, bytes: Uint8Array, options: AtomicWriteOptions): Promise<void> {
  return writeFileAtomic(path, path.endsWith('.gz') ? gzipDeterministic(bytes) : bytes, options);
}
