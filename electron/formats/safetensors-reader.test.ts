import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, rename, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  openSafetensors,
  readFloat32,
  readFloat64,
  readInt32,
  readInt64,
  readTensor,
  readTensorBytes,
} from './safetensors-reader.js';
import { failureOf, rawSafetensors, withTemporaryFolder } from './test-support.js';

const entry = (dtype: string, shape: string, offsets: string) =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;
const f32x2 = (offsets = '[0,8]') => entry('F32', '[2]', offsets);

/** What is wrong · the file's bytes · the code · a part of the message. */
const hostile: [string, Buffer, string, RegExp][] = [
  ['empty file', Buffer.alloc(0), 'E-SAFETENSORS-TRUNCATED', /0 bytes/],
  ['seven bytes', Buffer.alloc(7), 'E-SAFETENSORS-TRUNCATED', /7 bytes/],
  ['header length 0', rawSafetensors(''), 'E-SAFETENSORS-HEADER', /expected "\{", found nothing/],
  ['header of 2 GB', rawSafetensors('{}', 0, 2_000_000_000n), 'E-SAFETENSORS-LIMIT', /2000000000/],
  ['header length 2^64−1', rawSafetensors('{}', 0, 2n ** 64n - 1n), 'E-SAFETENSORS-LIMIT', /byte 0/],
  ['header longer than the file', rawSafetensors('{}', 0, 3n), 'E-SAFETENSORS-TRUNCATED', /has 2 after it/],
  ['header cut short', rawSafetensors('{"a":', 0), 'E-SAFETENSORS-HEADER', /found the end/],
  [
    'does not start with {',
    rawSafetensors(' {}'),
    'E-SAFETENSORS-HEADER',
    /byte 8: expected "\{", found 0x20/,
  ],
  ['an array', rawSafetensors('[]'), 'E-SAFETENSORS-HEADER', /found 0x5b/],
  ['text after the object', rawSafetensors('{} x'), 'E-SAFETENSORS-HEADER', /byte 11: more text/],
  [
    'not UTF-8',
    rawSafetensors(Buffer.from([0x7b, 0x22, 0xff, 0x22])),
    'E-SAFETENSORS-HEADER',
    /byte 10: .*UTF-8/,
  ],
  ['overlong UTF-8', rawSafetensors(Buffer.from([0x7b, 0x22, 0xc0, 0x80])), 'E-SAFETENSORS-HEADER', /UTF-8/],
  ['half a surrogate', rawSafetensors(`{"\\ud800":${f32x2()}}`, 8), 'E-SAFETENSORS-HEADER', /surrogate/],
  ['bad escape', rawSafetensors(`{"\\q":${f32x2()}}`, 8), 'E-SAFETENSORS-HEADER', /escape/],
  [
    'newline in a name',
    rawSafetensors(`{"a\nb":${f32x2()}}`, 8),
    'E-SAFETENSORS-HEADER',
    /control character/,
  ],
  ['comma at the end', rawSafetensors(`{"a":${f32x2()},}`, 8), 'E-SAFETENSORS-HEADER', /expected a string/],
  [
    'nested too deep',
    rawSafetensors(`{"a":${'['.repeat(100_000)}`, 0),
    'E-SAFETENSORS-HEADER',
    /expected an object/,
  ],
  [
    'deep in shape',
    rawSafetensors(`{"a":${entry('F32', '[[[[2]]]]', '[0,8]')}}`, 8),
    'E-SAFETENSORS-HEADER',
    /integer/,
  ],
  [
    'same tensor twice',
    rawSafetensors(`{"a":${f32x2()},"a":${f32x2()}}`, 8),
    'E-SAFETENSORS-DUPLICATE',
    /"a" appears twice/,
  ],
  [
    'same name, escaped',
    rawSafetensors(`{"a":${f32x2()},"\\u0061":${f32x2()}}`, 8),
    'E-SAFETENSORS-DUPLICATE',
    /"a"/,
  ],
  [
    'same key in an entry',
    rawSafetensors('{"a":{"dtype":"F32","dtype":"F32"}}', 0),
    'E-SAFETENSORS-DUPLICATE',
    /"dtype"/,
  ],
  [
    'same metadata key',
    rawSafetensors('{"__metadata__":{"k":"1","k":"2"}}'),
    'E-SAFETENSORS-DUPLICATE',
    /"k"/,
  ],
  [
    'two __metadata__',
    rawSafetensors('{"__metadata__":{},"__metadata__":{}}'),
    'E-SAFETENSORS-DUPLICATE',
    /__metadata__/,
  ],
  [
    'metadata number',
    rawSafetensors('{"__metadata__":{"k":1}}'),
    'E-SAFETENSORS-HEADER',
    /expected a string/,
  ],
  [
    'nested metadata',
    rawSafetensors('{"__metadata__":{"k":{}}}'),
    'E-SAFETENSORS-HEADER',
    /expected a string/,
  ],
  [
    'unknown dtype',
    rawSafetensors(`{"a":${entry('F31', '[2]', '[0,8]')}}`, 8),
    'E-SAFETENSORS-DTYPE',
    /"F31", expected one of .*F32/,
  ],
  [
    'dtype of a prototype',
    rawSafetensors(`{"a":${entry('constructor', '[2]', '[0,8]')}}`, 8),
    'E-SAFETENSORS-DTYPE',
    /constructor/,
  ],
  [
    'dtype number',
    rawSafetensors('{"a":{"dtype":7,"shape":[2],"data_offsets":[0,8]}}', 8),
    'E-SAFETENSORS-HEADER',
    /string/,
  ],
  [
    'missing shape',
    rawSafetensors('{"a":{"dtype":"F32","data_offsets":[0,8]}}', 8),
    'E-SAFETENSORS-HEADER',
    /no shape/,
  ],
  ['unknown key', rawSafetensors('{"a":{"dtype":"F32","x":1}}', 8), 'E-SAFETENSORS-HEADER', /key "x"/],
  [
    'negative dimension',
    rawSafetensors(`{"a":${entry('F32', '[-2]', '[0,8]')}}`, 8),
    'E-SAFETENSORS-HEADER',
    /negative/,
  ],
  [
    'fractional dimension',
    rawSafetensors(`{"a":${entry('F32', '[2.0]', '[0,8]')}}`, 8),
    'E-SAFETENSORS-HEADER',
    /fraction/,
  ],
  [
    'exponent',
    rawSafetensors(`{"a":${entry('F32', '[2e0]', '[0,8]')}}`, 8),
    'E-SAFETENSORS-HEADER',
    /exponent/,
  ],
  [
    'leading zero',
    rawSafetensors(`{"a":${entry('F32', '[02]', '[0,8]')}}`, 8),
    'E-SAFETENSORS-HEADER',
    /leading zero/,
  ],
  [
    'dimension above 2^53',
    rawSafetensors(`{"a":${entry('F32', '[9007199254740993]', '[0,8]')}}`, 8),
    'E-SAFETENSORS-HEADER',
    /2\^53/,
  ],
  [
    'dimension above 2^32',
    rawSafetensors(`{"a":${entry('F32', '[4294967297]', '[0,8]')}}`, 8),
    'E-SAFETENSORS-LIMIT',
    /4294967297/,
  ],
  [
    'rank 9',
    rawSafetensors(`{"a":${entry('F32', '[1,1,1,1,1,1,1,1,1]', '[0,4]')}}`, 4),
    'E-SAFETENSORS-LIMIT',
    /8 dimensions/,
  ],
  [
    'product overflow to 0',
    rawSafetensors(`{"a":${entry('F32', '[4294967296,4294967296]', '[0,0]')}}`),
    'E-SAFETENSORS-SHAPE',
    /too large/,
  ],
  [
    'half a byte',
    rawSafetensors(`{"a":${entry('F4', '[3]', '[0,1]')}}`, 1),
    'E-SAFETENSORS-SHAPE',
    /whole byte/,
  ],
  [
    'shape larger than offsets',
    rawSafetensors(`{"a":${entry('F32', '[3]', '[0,8]')}}`, 8),
    'E-SAFETENSORS-SHAPE',
    /needs 12 bytes.* hold 8/,
  ],
  [
    'shape smaller than offsets',
    rawSafetensors(`{"a":${entry('F32', '[1]', '[0,8]')}}`, 8),
    'E-SAFETENSORS-SHAPE',
    /needs 4 bytes/,
  ],
  ['negative offset', rawSafetensors(`{"a":${f32x2('[-8,0]')}}`, 8), 'E-SAFETENSORS-OFFSETS', /negative/],
  ['fractional offset', rawSafetensors(`{"a":${f32x2('[0,8.5]')}}`, 8), 'E-SAFETENSORS-OFFSETS', /fraction/],
  [
    'reversed offsets',
    rawSafetensors(`{"a":${f32x2('[8,0]')}}`, 8),
    'E-SAFETENSORS-OFFSETS',
    /ends at 0, before/,
  ],
  ['one offset', rawSafetensors(`{"a":${f32x2('[0]')}}`, 8), 'E-SAFETENSORS-OFFSETS', /two data_offsets/],
  [
    'three offsets',
    rawSafetensors(`{"a":${f32x2('[0,8,16]')}}`, 8),
    'E-SAFETENSORS-OFFSETS',
    /two data_offsets/,
  ],
  [
    'overlap',
    rawSafetensors(`{"a":${f32x2()},"b":${f32x2('[4,12]')}}`, 12),
    'E-SAFETENSORS-OFFSETS',
    /"b" begins at 4 and overlaps tensor "a"/,
  ],
  [
    'same bytes twice',
    rawSafetensors(`{"a":${f32x2()},"b":${f32x2()}}`, 8),
    'E-SAFETENSORS-OFFSETS',
    /overlaps/,
  ],
  [
    'hole',
    rawSafetensors(`{"a":${f32x2()},"b":${f32x2('[9,17]')}}`, 17),
    'E-SAFETENSORS-OFFSETS',
    /1 bytes between/,
  ],
  [
    'hole at the start',
    rawSafetensors(`{"a":${f32x2('[8,16]')}}`, 16),
    'E-SAFETENSORS-OFFSETS',
    /8 bytes between the start/,
  ],
  [
    'bytes after the last tensor',
    rawSafetensors(`{"a":${f32x2()}}`, 9),
    'E-SAFETENSORS-OFFSETS',
    /1 bytes after/,
  ],
  ['data cut off', rawSafetensors(`{"a":${f32x2()}}`, 7), 'E-SAFETENSORS-TRUNCATED', /1 bytes are missing/],
  [
    'oversized tensor',
    rawSafetensors(`{"a":${entry('U8', '[1099511627776]', '[0,1099511627776]')}}`),
    'E-SAFETENSORS-LIMIT',
    /2\^32/,
  ],
  [
    'exabytes on a small file',
    rawSafetensors(`{"a":${entry('U8', '[4294967296,1048576]', '[0,4503599627370496]')}}`, 8),
    'E-SAFETENSORS-SHAPE',
    /too large/,
  ],
  [
    'name of 4097 bytes',
    rawSafetensors(`{"${'x'.repeat(4097)}":${f32x2()}}`, 8),
    'E-SAFETENSORS-LIMIT',
    /4096/,
  ],
  ['GGUF', Buffer.from('GGUF\x03\0\0\0aaaaaaaaaaaaaaaa'), 'E-SAFETENSORS-LIMIT', /header length/],
];

describe('openSafetensors refuses', () => {
  it.each(hostile)('%s', async (_what, bytes, code, message) => {
    await withTemporaryFolder(async (folder) => {
      const path = join(folder, 'hostile.safetensors');
      await writeFile(path, bytes);
      const error = await failureOf(openSafetensors(path));
      expect(error.code, error.message).toBe(code);
      expect(error.message).toMatch(message);
      expect(error.message).toContain(path);
      expect(error.message).toMatch(/byte|bytes/);
      expect(error.remedy).not.toBe('');
    });
  });

  it('more than a million tensors, in seconds and without their memory', async () => {
    const one = entry('U8', '[0]', '[0,0]');
    const names = Array.from({ length: 1_000_001 }, (_, i) => `"${i}":${one}`);
    await withTemporaryFolder(async (folder) => {
      const path = join(folder, 'many.safetensors');
      await writeFile(path, rawSafetensors(`{${names.join(',')}}`));
      expect((await failureOf(openSafetensors(path))).code).toBe('E-SAFETENSORS-LIMIT');
    });
  }, 60_000);

  it('a missing file, a folder, a path through a file, and a path with a NUL', async () => {
    await withTemporaryFolder(async (folder) => {
      const file = join(folder, 'file');
      await writeFile(file, 'x');
      expect((await failureOf(openSafetensors(join(folder, 'none')))).code).toBe('E-FILE-MISSING');
      expect((await failureOf(openSafetensors(folder))).code).toBe('E-FILE-NOT-A-FILE');
      expect((await failureOf(openSafetensors(join(file, 'below')))).code).toBe('E-FILE-MISSING');
      expect((await failureOf(openSafetensors(`${file}\0.safetensors`))).code).toBe('E-FILE-MISSING');
      await symlink('loop', join(folder, 'loop'));
      expect((await failureOf(openSafetensors(join(folder, 'loop')))).code).toBe('E-FILE-UNREADABLE');
    });
  });

  it.runIf(process.platform === 'linux')('pipes and devices, without blocking on them', async () => {
    await withTemporaryFolder(async (folder) => {
      const pipe = join(folder, 'pipe.safetensors');
      execFileSync('mkfifo', [pipe]);
      expect((await failureOf(openSafetensors(pipe))).message).toMatch(/named pipe/);
      expect((await failureOf(openSafetensors('/dev/zero'))).message).toMatch(/device/);
      // Claims to be a regular file of 0 bytes.
      expect((await failureOf(openSafetensors('/proc/self/maps'))).code).toBe('E-SAFETENSORS-TRUNCATED');
    });
  });
});

describe('openSafetensors accepts', () => {
  it('names that would be dangerous as object keys', async () => {
    await withTemporaryFolder(async (folder) => {
      const path = join(folder, 'proto.safetensors');
      const header = `{"__proto__":${f32x2()},"constructor":${f32x2('[8,16]')},"__metadata__":{"__proto__":"x"}}`;
      await writeFile(path, rawSafetensors(header, 16));
      const file = await openSafetensors(path);
      expect([...file.tensors.keys()]).toEqual(['__proto__', 'constructor']);
      expect(file.metadata.get('__proto__')).toBe('x');
      expect(({} as Record<string, unknown>).dtype).toBeUndefined();
    });
  });

  it('an empty table, scalars, empty tensors, null metadata, padding, any order, any alignment', async () => {
    await withTemporaryFolder(async (folder) => {
      const path = join(folder, 'odd.safetensors');
      await writeFile(path, rawSafetensors('{}'));
      expect((await openSafetensors(path)).tensors.size).toBe(0);
      const header = `{ "z" : ${f32x2('[5,13]')}, "s":${entry('F32', '[]', '[1,5]')},"b":${entry('BOOL', '[1]', '[0,1]')},"e":${entry('I64', '[3,0]', '[5,5]')},"__metadata__":null} \n\t `;
      await writeFile(path, rawSafetensors(header, 13));
      const file = await openSafetensors(path);
      expect([...file.tensors.keys()]).toEqual(['b', 's', 'e', 'z']);
      expect(await readFloat32(file, 'z')).toEqual(new Float32Array(2));
      expect(await readInt64(file, 'e')).toEqual(new BigInt64Array(0));
    });
  });
});

describe('reading tensors', () => {
  it('converts every dtype it promises to, exactly', async () => {
    await withTemporaryFolder(async (folder) => {
      const path = join(folder, 'types.safetensors');
      const header = `{"half":${entry('F16', '[6]', '[0,12]')},"brain":${entry('BF16', '[2]', '[12,16]')},"wide":${entry('I64', '[1]', '[16,24]')},"double":${entry('F64', '[1]', '[24,32]')},"byte":${entry('I8', '[2]', '[32,34]')}}`;
      const bytes = rawSafetensors(header, 34);
      const start = bytes.length - 34;
      // 1.5, −2, smallest subnormal, largest, −0, infinity
      [0x3e00, 0xc000, 0x0001, 0x7bff, 0x8000, 0x7c00].forEach((half, i) => {
        bytes.writeUInt16LE(half, start + 2 * i);
      });
      bytes.writeUInt16LE(0x3fc0, start + 12);
      bytes.writeUInt16LE(0xff80, start + 14);
      bytes.writeBigInt64LE(-(2n ** 60n), start + 16);
      bytes.writeDoubleLE(Math.PI, start + 24);
      bytes.writeInt8(-128, start + 32);
      bytes.writeInt8(127, start + 33);
      await writeFile(path, bytes);
      const file = await openSafetensors(path);
      expect([...(await readFloat32(file, 'half'))]).toEqual([
        1.5,
        -2,
        2 ** -24,
        65504,
        -0,
        Number.POSITIVE_INFINITY,
      ]);
      expect([...(await readFloat64(file, 'brain'))]).toEqual([1.5, Number.NEGATIVE_INFINITY]);
      expect([...(await readInt64(file, 'wide'))]).toEqual([-(2n ** 60n)]);
      expect([...(await readFloat64(file, 'double'))]).toEqual([Math.PI]);
      expect([...(await readInt32(file, 'byte'))]).toEqual([-128, 127]);
      expect([...(await readInt64(file, 'byte'))]).toEqual([-128n, 127n]);
      expect((await failureOf(readFloat32(file, 'double'))).code).toBe('E-SAFETENSORS-DTYPE');
      expect((await failureOf(readInt32(file, 'wide'))).code).toBe('E-SAFETENSORS-DTYPE');
      expect((await failureOf(readTensor(file, 'none'))).message).toMatch(/no tensor is named "none"/);
    });
  });

  it('refuses when the file was cut, grew, was replaced or removed after opening', async () => {
    await withTemporaryFolder(async (folder) => {
      const path = join(folder, 'changing.safetensors');
      const bytes = rawSafetensors(`{"a":${f32x2()}}`, 8);
      const opened = async () => {
        await writeFile(path, bytes);
        return openSafetensors(path);
      };
      let file = await opened();
      await truncate(path, bytes.length - 1);
      expect((await failureOf(readTensorBytes(file, 'a'))).code).toBe('E-FILE-CHANGED');
      file = await opened();
      await appendFile(path, 'x');
      expect((await failureOf(readTensorBytes(file, 'a'))).message).toMatch(/has \d+ now/);
      file = await opened();
      await writeFile(`${path}.new`, bytes);
      await rename(`${path}.new`, path);
      expect((await failureOf(readTensorBytes(file, 'a'))).code).toBe('E-FILE-CHANGED');
      file = await opened();
      await rename(path, `${path}.gone`);
      expect((await failureOf(readTensorBytes(file, 'a'))).code).toBe('E-FILE-MISSING');
      await mkdir(path);
      expect((await failureOf(readTensorBytes(file, 'a'))).code).toBe('E-FILE-NOT-A-FILE');
    });
  });

  it('stops when cancelled', async () => {
    await withTemporaryFolder(async (folder) => {
      const path = join(folder, 'a.safetensors');
      await writeFile(path, rawSafetensors(`{"a":${f32x2()}}`, 8));
      const file = await openSafetensors(path);
      const error = await failureOf(readTensor(file, 'a', { signal: AbortSignal.abort() }));
      expect(error.code).toBe('E-CANCELLED');
    });
  });
});
