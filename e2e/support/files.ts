/** Files for journeys: sound ones, and every way a file can be bad. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: number[];
}

/** The bytes of a safetensors file with this header, whatever it says, and this data. */
export function safetensorsBytes(header: string, data: Uint8Array): Buffer {
  const text = Buffer.from(header, 'utf8');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, data]);
}

export function floatBytes(count: number, value: (index: number) => number): Uint8Array {
  return new Uint8Array(Float32Array.from({ length: count }, (_, index) => value(index)).buffer);
}

/** A small bell-shaped weight, the same on every machine. */
export function bell(index: number): number {
  const unit = (salt: number) => {
    const x = Math.sin(index * 12.9898 + salt * 78.233) * 43758.5453;
    return x - Math.floor(x);
  };
  return (unit(1) + unit(2) + unit(3) + unit(4) - 2) * 0.05;
}

export function modelBytes(tensors: Record<string, { shape: number[]; data: Uint8Array }>): Buffer {
  const header: Record<string, Entry> = {};
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + data.length] };
    parts.push(data);
    offset += data.length;
  }
  return safetensorsBytes(JSON.stringify(header), Buffer.concat(parts));
}

export function soundModel(): Buffer {
  return modelBytes({
    'encoder.0.weight': { shape: [64, 96], data: floatBytes(64 * 96, bell) },
    'encoder.1.weight': { shape: [32, 64], data: floatBytes(32 * 64, bell) },
    'encoder.1.bias': { shape: [32], data: floatBytes(32, bell) },
  });
}

export interface BadFile {
  name: string;
  /** The code the user is shown. */
  code: string;
}

const one = (entry: Partial<Entry>, bytes: number) =>
  safetensorsBytes(
    JSON.stringify({ w: { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16], ...entry } }),
    Buffer.alloc(bytes, 1),
  );

function notFinite(value: number): Buffer {
  const data = floatBytes(64 * 32, (index) => (index === 1234 ? value : bell(index)));
  return modelBytes({ 'bad.weight': { shape: [64, 32], data } });
}

const headerOf2GiB = () => {
  const bytes = Buffer.alloc(64, 0x20);
  bytes.writeBigUInt64LE(2n ** 31n);
  bytes[8] = 0x7b;
  return bytes;
};

/** Everything the reader must refuse, written into `folder`. */
export async function writeBadFiles(folder: string): Promise<BadFile[]> {
  const sound = soundModel();
  const files: (BadFile & { bytes: Buffer })[] = [
    { name: 'truncated.safetensors', code: 'E-SAFETENSORS-TRUNCATED', bytes: sound.subarray(0, -100) },
    {
      name: 'oversized.safetensors',
      code: 'E-SAFETENSORS-OFFSETS',
      bytes: Buffer.concat([sound, Buffer.alloc(7)]),
    },
    {
      name: 'overlapping.safetensors',
      code: 'E-SAFETENSORS-OFFSETS',
      bytes: safetensorsBytes(
        JSON.stringify({
          a: { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16] },
          b: { dtype: 'F32', shape: [2, 2], data_offsets: [8, 24] },
        }),
        Buffer.alloc(24),
      ),
    },
    {
      name: 'negative.safetensors',
      code: 'E-SAFETENSORS-OFFSETS',
      bytes: one({ data_offsets: [-16, 0] }, 16),
    },
    { name: 'dtype.safetensors', code: 'E-SAFETENSORS-DTYPE', bytes: one({ dtype: 'F31' }, 16) },
    { name: 'header-2gb.safetensors', code: 'E-SAFETENSORS-LIMIT', bytes: headerOf2GiB() },
    { name: 'shape.safetensors', code: 'E-SAFETENSORS-SHAPE', bytes: one({ shape: [3, 2] }, 16) },
    { name: 'only-bias.safetensors', code: 'E-MODEL-EMPTY', bytes: one({ shape: [4] }, 16) },
    { name: 'weights.pt', code: 'E-FILE-FORMAT-UNKNOWN', bytes: Buffer.from('PK\x03\x04archive/data.pkl') },
  ];
  for (const { name, bytes } of files) await writeFile(join(folder, name), bytes);
  await mkdir(join(folder, 'a-folder'));
  const idx = join(folder, 'wrong-magic');
  await mkdir(idx);
  for (const file of ['train-images-idx3', 'train-labels-idx1', 't10k-images-idx3', 't10k-labels-idx1']) {
    await writeFile(join(idx, `${file}-ubyte`), Buffer.from([1, 2, 3, 4, 0, 0, 0, 0]));
  }
  await writeFile(join(folder, 'nan.safetensors'), notFinite(Number.NaN));
  await writeFile(join(folder, 'infinity.safetensors'), notFinite(Number.POSITIVE_INFINITY));
  return files.map(({ name, code }) => ({ name, code }));
}
