/** .npy matrices: what numpy writes is read, every other byte sequence is refused with its place. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openNpyMatrix } from './npy.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qat-npy-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const plain = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
const values = Float32Array.of(1, -2, 3.5, 0, 1e-3, 7);

function file(header = plain, data: Uint8Array = new Uint8Array(values.buffer), version = 1): Buffer {
  const text = `${header.padEnd(63 - (version === 1 ? 10 : 12))}\n`;
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  if (version === 1) length.writeUInt16LE(text.length);
  else length.writeUInt32LE(text.length);
  const start = Buffer.concat([Buffer.from('\x93NUMPY', 'latin1'), Buffer.from([version, 0]), length]);
  return Buffer.concat([start, Buffer.from(text, 'latin1'), data]);
}

async function read(bytes: Uint8Array) {
  const path = join(folder, 'x.npy');
  await writeFile(path, bytes);
  const { rows, cols, read: values } = await openNpyMatrix(path);
  return { rows, cols, values: await values() };
}

describe('a .npy file', () => {
  it.each([1, 2, 3])('of version %i is read', async (version) => {
    const read1 = await read(file(plain, undefined, version));
    expect(read1).toEqual({ rows: 2, cols: 3, values });
  });

  it('may have its keys in another order and other spaces', async () => {
    const header = "{'shape':(2,3),'fortran_order':False,'descr':'<f4'}";
    expect((await read(file(header))).values).toEqual(values);
  });

  it.each([
    ['columns first', file(plain.replace('False', 'True'))],
    ['64-bit floats', file(plain.replace('<f4', '<f8'))],
    ['big-endian floats', file(plain.replace('<f4', '>f4'))],
    ['a vector', file(plain.replace('(2, 3)', '(6,)'))],
    ['a cube', file(plain.replace('(2, 3)', '(1, 2, 3)'))],
    ['no rows', file(plain.replace('(2, 3)', '(0, 3)'), new Uint8Array(0))],
    ['a negative size', file(plain.replace('(2, 3)', '(-2, 3)'))],
    [
      'sizes whose product is beyond all numbers',
      file(plain.replace('(2, 3)', '(999999999999999, 999999999999999)')),
    ],
    ['sizes larger than the file', file(plain.replace('(2, 3)', '(2000000000, 3)'))],
    ['bytes too many', Buffer.concat([file(), Buffer.from([0])])],
    ['version 4', file(plain, undefined, 4)],
    ['no header', file('')],
    ['a header longer than the file', Buffer.from('\x93NUMPY\x01\x00\xff\x20{}', 'latin1')],
    ['a header of gigabytes', Buffer.from('\x93NUMPY\x02\x00\xff\xff\xff\xff', 'latin1')],
    ['another format', Buffer.from('PK\x03\x04 and more than twelve bytes')],
    ['nothing', Buffer.alloc(0)],
  ])('with %s is refused', async (_what, bytes) => {
    await expect(read(bytes)).rejects.toMatchObject({ code: 'E-FILE-FORMAT-UNKNOWN' });
  });

  it('cut off anywhere is refused', async () => {
    const whole = file();
    for (let length = 0; length < whole.length; length += 1) {
      await expect(read(whole.subarray(0, length))).rejects.toMatchObject({ code: 'E-FILE-FORMAT-UNKNOWN' });
    }
  });
});
