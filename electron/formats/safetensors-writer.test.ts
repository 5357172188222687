import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openSafetensors, readTensor, readTensorBytes } from './safetensors-reader.js';
import { type SafetensorsDtype, safetensorsDtypeBits } from './safetensors-types.js';
import { encodeSafetensors, type SafetensorsSource, writeSafetensors } from './safetensors-writer.js';
import { failureOf, leftovers, withTemporaryFolder } from './test-support.js';

const floats = (name: string, ...values: number[]): SafetensorsSource => ({
  name,
  dtype: 'F32',
  shape: [values.length],
  data: Float32Array.from(values),
});

describe('writeSafetensors', () => {
  it('lays a file out as the reference writer does, byte for byte', async () => {
    const bytes = await encodeSafetensors(
      [
        { name: 'odd', dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 3) },
        floats('b', 1),
        floats('a', 2),
        { name: 'wide', dtype: 'I64', shape: [], data: BigInt64Array.of(7n) },
      ],
      [['format', 'pt']],
    );
    const json =
      '{"__metadata__":{"format":"pt"},"wide":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]},"odd":{"dtype":"U8","shape":[3],"data_offsets":[16,19]}}';
    const padded = json.padEnd(Math.ceil(json.length / 8) * 8, ' ');
    const expected = Buffer.concat([
      Buffer.from(BigUint64Array.of(BigInt(padded.length)).buffer),
      Buffer.from(padded),
      Buffer.from(BigInt64Array.of(7n).buffer),
      Buffer.from(Float32Array.of(2, 1).buffer),
      Buffer.from([1, 2, 3]),
    ]);
    expect(Buffer.from(bytes).equals(expected)).toBe(true);
  });

  it('writes any tensors so that the reader gives them back', async () => {
    const dtype = fc.constantFrom(...(Object.keys(safetensorsDtypeBits) as SafetensorsDtype[]));
    // Sizes that end every dtype on a whole byte; scalars and empty tensors among them.
    const shape = fc.array(fc.constantFrom(0, 4, 8, 12), { maxLength: 3 });
    const tensor = fc.record({ name: fc.string({ unit: 'grapheme', maxLength: 12 }), dtype, shape });
    await withTemporaryFolder(async (folder) => {
      const path = join(folder, 'any.safetensors');
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(tensor, { selector: (item) => item.name, maxLength: 6 }),
          fc.dictionary(fc.string(), fc.string()),
          async (items, metadata) => {
            const sources = items
              .filter((item) => item.name !== '__metadata__')
              .filter((item) => item.shape.length > 0 || safetensorsDtypeBits[item.dtype] % 8 === 0)
              .map((item, i): SafetensorsSource => {
                const size = item.shape.reduce<number>((a, b) => a * b, safetensorsDtypeBits[item.dtype]) / 8;
                return { ...item, data: new Uint8Array(size).fill(i + 1) };
              });
            const written = await writeSafetensors(path, sources, { metadata: Object.entries(metadata) });
            const file = await openSafetensors(path);
            expect(file.sizeBytes).toBe(written.sizeBytes);
            expect([...file.tensors.keys()].sort()).toEqual(sources.map((source) => source.name).sort());
            expect(Object.fromEntries(file.metadata)).toEqual(metadata);
            for (const { name, data, shape: wanted } of sources) {
              expect(file.tensors.get(name)?.shape).toEqual(wanted);
              expect(await readTensorBytes(file, name)).toEqual(data);
            }
          },
        ),
        { numRuns: 150 },
      );
    });
  }, 60_000);

  it('streams pieces, reports progress and the hash of the file', async () => {
    await withTemporaryFolder(async (folder) => {
      const path = join(folder, 'stream.safetensors');
      async function* data() {
        yield new Uint8Array(Float32Array.of(1, 2).buffer);
        yield new Uint8Array(Float32Array.of(3).buffer);
      }
      const progress: number[] = [];
      const written = await writeSafetensors(path, [{ name: 'w', dtype: 'F32', shape: [3], data }], {
        onProgress: (done, total) => progress.push(done / total),
      });
      expect(progress.at(-1)).toBe(1);
      expect(written.sha256).toBe(
        createHash('sha256')
          .update(await readFile(path))
          .digest('hex'),
      );
      expect([...(await readTensor(await openSafetensors(path), 'w')).data]).toEqual([1, 2, 3]);
    });
  });

  it.each<[string, SafetensorsSource[], string]>([
    ['a name twice', [floats('a', 1), floats('a', 2)], 'E-SAFETENSORS-DUPLICATE'],
    [
      'too few bytes',
      [{ name: 'a', dtype: 'F32', shape: [2], data: new Uint8Array(7) }],
      'E-SAFETENSORS-SHAPE',
    ],
    [
      'too many bytes',
      [{ name: 'a', dtype: 'F32', shape: [2], data: new Uint8Array(9) }],
      'E-SAFETENSORS-SHAPE',
    ],
    [
      'rank 9',
      [{ name: 'a', dtype: 'U8', shape: Array(9).fill(1), data: new Uint8Array(1) }],
      'E-SAFETENSORS-LIMIT',
    ],
    [
      'a negative size',
      [{ name: 'a', dtype: 'U8', shape: [-1], data: new Uint8Array(1) }],
      'E-SAFETENSORS-HEADER',
    ],
    ['half a surrogate', [floats('\ud800', 1)], 'E-SAFETENSORS-HEADER'],
    ['the reserved name', [floats('__metadata__', 1)], 'E-SAFETENSORS-HEADER'],
  ])('refuses %s and leaves the old file as it was', async (_what, sources, code) => {
    await withTemporaryFolder(async (folder) => {
      const path = join(folder, 'model.safetensors');
      await writeFile(path, 'old');
      expect((await failureOf(writeSafetensors(path, sources))).code).toBe(code);
      expect(await readFile(path, 'utf8')).toBe('old');
      expect(await readdir(folder)).toEqual(['model.safetensors']);
    });
  });

  it('leaves the old file and no temporary one when cancelled, when a source throws or a proof fails', async () => {
    await withTemporaryFolder(async (folder) => {
      const path = join(folder, 'model.safetensors');
      await writeFile(path, 'old');
      const cancel = new AbortController();
      async function* cancelling() {
        yield new Uint8Array(4);
        cancel.abort();
        yield new Uint8Array(4);
      }
      // biome-ignore lint/correctness/useYield: a source that fails before its first piece
      async function* failing(): AsyncGenerator<Uint8Array> {
        throw new Error('source failed');
      }
      const source = (data: SafetensorsSource['data']): SafetensorsSource[] => [
        { name: 'w', dtype: 'F32', shape: [2], data },
      ];
      const cancelled = writeSafetensors(path, source(cancelling), { signal: cancel.signal });
      expect((await failureOf(cancelled)).code).toBe('E-CANCELLED');
      expect((await failureOf(writeSafetensors(path, source(failing)))).message).toMatch(/source failed/);
      let seen = 0;
      const verify = async (temporaryPath: string) => {
        seen = (await openSafetensors(temporaryPath)).sizeBytes;
        throw new Error('proof failed');
      };
      const unproven = writeSafetensors(path, source(new Float32Array(2)), { verify });
      expect((await failureOf(unproven)).message).toMatch(/proof failed/);
      expect(seen).toBeGreaterThan(8);
      expect(await readFile(path, 'utf8')).toBe('old');
      expect(await readdir(folder)).toEqual(['model.safetensors']);
    });
  });

  it('says so when the name belongs to a folder or the folder is missing', async () => {
    await withTemporaryFolder(async (folder) => {
      await mkdir(join(folder, 'taken'));
      const taken = await failureOf(writeSafetensors(join(folder, 'taken'), [floats('a', 1)]));
      expect(taken.code).toBe('E-DISK-WRITE');
      expect(taken.message).toMatch(/something else/);
      const missing = await failureOf(writeSafetensors(join(folder, 'no', 'a'), [floats('a', 1)]));
      expect(missing.message).toMatch(/folder does not exist/);
      expect(await leftovers(folder)).toEqual([]);
    });
  });
});
