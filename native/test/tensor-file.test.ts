/** tensorFromFile against good files of every type and hostile ones. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { FileRegion, Tensor } from '../index.js';
import { rejectionOf } from './expect-error.js';
import { manyFloats } from './fixtures.js';
import { loadAddon } from './load-addon.js';

const addon = loadAddon();
const folder = mkdtempSync(join(tmpdir(), 'qat-tensor-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Dtype = FileRegion['dtype'];

const encoders: Record<Dtype, (values: Float32Array) => Uint8Array> = {
  F32: (values) => bytesOf(values),
  F64: (values) => bytesOf(Float64Array.from(values)),
  BF16: (values) => {
    const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
    return bytesOf(Uint16Array.from(words, (word) => word >>> 16));
  },
  F16: (values) => bytesOf(Uint16Array.from(values, encodeHalf)),
};

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** For values a half represents exactly. */
function encodeHalf(value: number): number {
  if (value === 0) return Object.is(value, -0) ? 0x8000 : 0;
  const sign = value < 0 ? 0x8000 : 0;
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  if (exponent < -14) return sign | (Math.abs(value) / 2 ** -24);
  return sign | ((exponent + 15) << 10) | ((Math.abs(value) / 2 ** exponent - 1) * 1024);
}

/** Values that all four types hold exactly: eighths, and the smallest half. */
const exact = Float32Array.of(0, -0, 1, -1, 0.125, -2.5, 96, 2 ** -24, -(2 ** -14), 1.5, 100, -0.75);

function write(name: string, bytes: Uint8Array, before = 0): string {
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat([Buffer.alloc(before, 0xff), bytes]));
  return path;
}

function read(path: string, dtype: Dtype, byteLength: number, rows: number, cols: number, offset = 0) {
  return addon.tensorFromFile({ path, offset, byteLength, dtype }, rows, cols);
}

function valuesOf(tensor: Tensor): Float32Array {
  const values = new Float32Array(tensor.rows * tensor.cols);
  tensor.copyTo(values);
  return values;
}

describe('good files', () => {
  it.each(Object.keys(encoders) as Dtype[])('%s at an odd offset', async (dtype) => {
    const bytes = encoders[dtype](exact);
    const path = write(`good-${dtype}`, bytes, 13);
    const tensor = await read(path, dtype, bytes.length, 3, 4, 13);
    expect([tensor.rows, tensor.cols]).toEqual([3, 4]);
    expect(Array.from(valuesOf(tensor))).toEqual(Array.from(exact));
  });

  it('is read over many chunks as it is in one array', async () => {
    const values = manyFloats(2 ** 21 + 7);
    const path = write('large', bytesOf(values));
    const tensor = await read(path, 'F32', values.byteLength, 1, values.length);
    const same = addon.tensorFromArray(values, 1, values.length);
    expect(tensor.contentHash()).toBe(same.contentHash());
    expect(tensor.contentHash()).toMatch(/^[0-9a-f]{16}$/);
  });
});

describe('values that cannot be quantized', () => {
  it.each([
    ['F32', Number.NaN],
    ['F32', Number.POSITIVE_INFINITY],
    ['F32', Number.NEGATIVE_INFINITY],
    ['F64', Number.NaN],
    ['BF16', Number.POSITIVE_INFINITY],
  ] as const)('%s %s is located', async (dtype, bad) => {
    const values = exact.slice();
    values[6] = bad;
    const bytes = encoders[dtype](values);
    const path = write(`bad-${dtype}`, bytes, 8);
    const error = await rejectionOf(read(path, dtype, bytes.length, 3, 4, 8));
    expect(error.code).toBe('E-WEIGHT-NOT-FINITE');
    expect(error.message).toContain('Element 6 ');
    expect(error.message).toContain('row 1, column 2');
    expect(error.message).toContain(path);
  });

  it('finds the first one in a later chunk', async () => {
    const values = new Float32Array(1_500_000).fill(0.5);
    values[1_234_567] = Number.NaN;
    values[1_400_000] = Number.NaN;
    const path = write('late', bytesOf(values));
    const error = await rejectionOf(read(path, 'F32', values.byteLength, 1500, 1000));
    expect(error.message).toContain('Element 1234567 ');
  });

  it('refuses a float64 that float32 cannot hold, and NaN in half precision', async () => {
    const large = bytesOf(Float64Array.of(1, 1e300));
    const tooLarge = await rejectionOf(read(write('f64', large), 'F64', 16, 1, 2));
    expect(tooLarge.code).toBe('E-WEIGHT-NOT-FINITE');
    const half = bytesOf(Uint16Array.of(0x3c00, 0x7e00));
    const notANumber = await rejectionOf(read(write('f16', half), 'F16', 4, 1, 2));
    expect(notANumber.code).toBe('E-WEIGHT-NOT-FINITE');
  });
});

describe('hostile files', () => {
  it('a region past the end is refused before anything is allocated', async () => {
    const path = write('short', new Uint8Array(40));
    const error = await rejectionOf(read(path, 'F32', 48, 3, 4));
    expect(error.code).toBe('E-SAFETENSORS-TRUNCATED');
    expect(error.message).toContain('byte 40');
    const beyond = await rejectionOf(read(path, 'F32', 4, 1, 1, 2 ** 52));
    expect(beyond.code).toBe('E-SAFETENSORS-TRUNCATED');
    const huge = await rejectionOf(read(path, 'F32', 4 * 2 ** 29, 2 ** 15, 2 ** 14));
    expect(huge.code).toBe('E-SAFETENSORS-TRUNCATED');
  });

  it('a missing file, a folder and a pipe are named as such', async () => {
    const missing = await rejectionOf(read(join(folder, 'nothing'), 'F32', 4, 1, 1));
    expect(missing.code).toBe('E-FILE-MISSING');
    const inFile = await rejectionOf(read(join(write('file', new Uint8Array(4)), 'x'), 'F32', 4, 1, 1));
    expect(inFile.code).toBe('E-FILE-MISSING');
    expect((await rejectionOf(read(folder, 'F32', 4, 1, 1))).code).toBe('E-FILE-NOT-A-FILE');
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    expect((await rejectionOf(read(pipe, 'F32', 4, 1, 1))).code).toBe('E-FILE-NOT-A-FILE');
  });

  it('an unreadable file is named as such', async () => {
    const path = write('secret', new Uint8Array(4));
    chmodSync(path, 0);
    // Root may read everything: become nobody for the moment.
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid?.(65534);
    try {
      expect((await rejectionOf(read(path, 'F32', 4, 1, 1))).code).toBe('E-FILE-UNREADABLE');
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });

  it('a length that contradicts the shape is refused', async () => {
    const path = write('shape', new Uint8Array(64));
    for (const [bytes, rows, cols] of [
      [48, 3, 5],
      [64, 3, 5],
    ] as const) {
      expect((await rejectionOf(read(path, 'F32', bytes, rows, cols))).code).toBe('E-NATIVE-ARGUMENT');
    }
  });

  it('a cancelled read rejects', async () => {
    const path = write('cancelled', bytesOf(exact));
    const cancel = addon.createCancelToken();
    const region = { path, offset: 0, byteLength: exact.byteLength, dtype: 'F32' } as const;
    const job = addon.tensorFromFile(region, 3, 4, cancel);
    cancel.cancel();
    // Either it was quick enough to finish, or it says that it was cancelled; nothing else.
    const outcome = await job.then(
      () => 'read',
      (error) => error.code,
    );
    expect(['read', 'E-CANCELLED']).toContain(outcome);
    const late = await rejectionOf(addon.tensorFromFile(region, 3, 4, cancel));
    expect(late.code).toBe('E-CANCELLED');
  });
});
