import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QatError } from '../contract/errors.js';
import { openIdxFolder, readIdxImages, readIdxLabels } from './idx-reader.js';
import { encodeIdx, gzipDeterministic, writeIdxImages, writeIdxLabels } from './idx-writer.js';
import { failureOf, withTemporaryFolder } from './test-support.js';

const images = Buffer.from(
  encodeIdx(
    [2, 2, 3],
    Uint8Array.from({ length: 12 }, (_, i) => i),
  ),
);
const labels = Buffer.from(encodeIdx([2], Uint8Array.of(0, 1)));
const patched = (bytes: Buffer, offset: number, value: number) => {
  const copy = Buffer.from(bytes);
  copy[offset] = value;
  return copy;
};
const announcing = (...sizes: number[]) => {
  const header = Buffer.alloc(16);
  header.set([0, 0, 8, 3]);
  sizes.forEach((size, i) => {
    header.writeUInt32BE(size, 4 + 4 * i);
  });
  return header;
};
/** 300 MB of zeros in 300 KB of gzip, behind a header that announces 4 bytes. */
const bomb = () => gzipSync(Buffer.concat([announcing(1, 2, 2), Buffer.alloc(300_000_000)]), { level: 1 });

const hostile: [string, () => Buffer, string, RegExp][] = [
  ['empty', () => Buffer.alloc(0), 'E-IDX-TRUNCATED', /byte 0/],
  [
    'wrong magic',
    () => Buffer.from('GIF89a-not-idx-at-all'),
    'E-IDX-MAGIC',
    /47 49 46 38, expected 00 00 08 03/,
  ],
  [
    'float32 elements',
    () => patched(images, 2, 0x0d),
    'E-IDX-MAGIC',
    /00 00 0d 03 \(float32, 3 dimensions\)/,
  ],
  ['labels in place of images', () => labels, 'E-IDX-MAGIC', /00 00 08 01/],
  ['header cut', () => images.subarray(0, 10), 'E-IDX-TRUNCATED', /at least 16/],
  ['data cut', () => images.subarray(0, 27), 'E-IDX-TRUNCATED', /need 28 bytes/],
  ['a byte too many', () => Buffer.concat([images, Buffer.alloc(1)]), 'E-IDX-SHAPE', /byte 28: more bytes/],
  ['no images', () => announcing(0, 28, 28), 'E-IDX-SHAPE', /dimension 0 is 0/],
  ['2^96 bytes announced', () => announcing(0xffffffff, 0xffffffff, 0xffffffff), 'E-IDX-LIMIT', /limit/],
  [
    '1 GB announced in a small file',
    () => announcing(1_000_000, 32, 32),
    'E-IDX-TRUNCATED',
    /can hold at most/,
  ],
  ['the same, gzipped', () => gzipSync(announcing(1_000_000, 32, 32)), 'E-IDX-TRUNCATED', /can hold at most/],
  ['gzip bomb', bomb, 'E-IDX-SHAPE', /byte 20: more bytes/],
  ['gzip cut', () => gzipSync(images).subarray(0, 25), 'E-IDX-TRUNCATED', /gzip data stops early/],
  ['gzip damaged', () => patched(gzipSync(images), 20, 0xff), 'E-GZIP', /damaged/],
  [
    'gzip checksum wrong',
    () => patched(gzipSync(images), gzipSync(images).length - 6, 0x55),
    'E-GZIP',
    /damaged/,
  ],
];

describe('readIdxImages', () => {
  it.each(hostile)('refuses: %s', async (_what, bytes, code, message) => {
    await withTemporaryFolder(async (folder) => {
      const path = join(folder, 'images');
      await writeFile(path, bytes());
      const before = process.memoryUsage().rss;
      const error = await failureOf(readIdxImages(path));
      expect(error.code, error.message).toBe(code);
      expect(error.message).toMatch(message);
      expect(error.message).toContain(path);
      expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
    });
  });

  it('never crashes on mutants, plain or gzipped', async () => {
    await withTemporaryFolder(async (folder) => {
      const path = join(folder, 'mutant');
      const edit = fc.record({ at: fc.nat(40), value: fc.integer({ min: 0, max: 255 }) });
      await fc.assert(
        fc.asyncProperty(
          fc.array(edit, { maxLength: 3 }),
          fc.boolean(),
          fc.nat(40),
          async (edits, zip, cut) => {
            const bytes = Buffer.from(zip ? gzipSync(images) : images);
            for (const { at, value } of edits) if (at < bytes.length) bytes[at] = value;
            await writeFile(path, bytes.subarray(0, Math.max(0, bytes.length - (cut % 3 === 0 ? cut : 0))));
            try {
              const { count, height, width, pixels } = await readIdxImages(path);
              expect(pixels.length).toBe(count * height * width);
            } catch (thrown) {
              if (!(thrown instanceof QatError)) throw thrown;
            }
          },
        ),
        { numRuns: 400 },
      );
    });
  }, 60_000);

  it('stops when cancelled', async () => {
    await withTemporaryFolder(async (folder) => {
      const path = join(folder, 'images');
      await writeFile(path, gzipSync(images));
      expect((await failureOf(readIdxImages(path, { signal: AbortSignal.abort() }))).code).toBe(
        'E-CANCELLED',
      );
    });
  });
});

describe('idx writer', () => {
  it('writes what the reader reads, plain and gzipped, and gzip without time or system', async () => {
    await withTemporaryFolder(async (folder) => {
      const pixels = Uint8Array.from({ length: 12 }, (_, i) => i * 20);
      for (const name of ['i', 'i.gz']) {
        await writeIdxImages(join(folder, name), { count: 3, height: 2, width: 2, pixels });
        expect(await readIdxImages(join(folder, name))).toEqual({ count: 3, height: 2, width: 2, pixels });
      }
      await writeIdxLabels(join(folder, 'l.gz'), { count: 3, labels: Uint8Array.of(1, 2, 3) });
      expect((await readIdxLabels(join(folder, 'l.gz'))).labels).toEqual(Uint8Array.of(1, 2, 3));
      const packed = gzipDeterministic(images);
      expect([...packed.subarray(4, 8), packed[9]]).toEqual([0, 0, 0, 0, 255]);
      expect(gunzipSync(packed).equals(images)).toBe(true);
      expect(() => encodeIdx([2, 2], new Uint8Array(3))).toThrow(/needs 4 bytes, 3 were given/);
    });
  });
});

describe('openIdxFolder', () => {
  const files = {
    'train-images-idx3-ubyte': images,
    'train-labels-idx1-ubyte': labels,
    't10k-images-idx3-ubyte': images,
    't10k-labels-idx1-ubyte': labels,
  };
  async function inFolder(changes: Record<string, Buffer | null>, use: (folder: string) => Promise<void>) {
    await withTemporaryFolder(async (parent) => {
      const folder = join(parent, 'digits');
      await mkdir(folder);
      for (const [name, bytes] of Object.entries({ ...files, ...changes })) {
        if (bytes) await writeFile(join(folder, name), bytes);
      }
      await use(folder);
    });
  }

  it('opens plain, gzipped and dotted names alike', async () => {
    const changes = {
      't10k-labels-idx1-ubyte': null,
      't10k-labels-idx1-ubyte.gz': gzipSync(labels),
      'train-images-idx3-ubyte': null,
      'train-images.idx3-ubyte': images,
    };
    await inFolder(changes, async (folder) => {
      const dataset = await openIdxFolder(folder);
      expect(dataset).toMatchObject({ name: 'digits', path: folder, features: 6, classes: 2 });
      expect(dataset.train).toEqual({
        count: 2,
        pixels: new Uint8Array(images.subarray(16)),
        labels: Uint8Array.of(0, 1),
      });
      expect(dataset.test.count).toBe(2);
    });
  });

  it('lists what is missing', async () => {
    const changes = { 'train-labels-idx1-ubyte': null, 't10k-images-idx3-ubyte': null };
    await inFolder(changes, async (folder) => {
      const error = await failureOf(openIdxFolder(folder));
      expect(error.code).toBe('E-FILE-MISSING');
      expect(error.message).toMatch(/no train-labels-idx1-ubyte, no t10k-images-idx3-ubyte/);
      expect((await failureOf(openIdxFolder(join(folder, 'none')))).code).toBe('E-FILE-MISSING');
      const file = join(folder, 'train-images-idx3-ubyte');
      expect((await failureOf(openIdxFolder(file))).message).toMatch(/not a folder/);
    });
  });

  it('refuses files that do not belong together', async () => {
    const three = Buffer.from(encodeIdx([3], Uint8Array.of(0, 1, 1)));
    await inFolder({ 't10k-labels-idx1-ubyte': three }, async (folder) => {
      expect((await failureOf(openIdxFolder(folder))).message).toMatch(/has 2 images, .* has 3 labels/);
    });
    const square = Buffer.from(encodeIdx([2, 1, 1], Uint8Array.of(0, 1)));
    await inFolder({ 't10k-images-idx3-ubyte': square }, async (folder) => {
      expect((await failureOf(openIdxFolder(folder))).message).toMatch(/images of 1×1/);
    });
    const high = Buffer.from(encodeIdx([2], Uint8Array.of(0, 9)));
    await inFolder({ 't10k-labels-idx1-ubyte': high }, async (folder) => {
      expect((await failureOf(openIdxFolder(folder))).message).toMatch(/label 1 is 9, expected 0 to 1/);
      expect((await openIdxFolder(folder, { classes: 10 })).classes).toBe(10);
    });
  });
});
