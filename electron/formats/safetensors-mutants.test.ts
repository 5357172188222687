import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QatError } from '../contract/errors.js';
import { parseSafetensorsHeader } from './safetensors-header.js';
import { type SafetensorsDtype, safetensorsDtypeBits } from './safetensors-types.js';
import { findInvalidUtf8 } from './utf8.js';

const dtypes = Object.keys(safetensorsDtypeBits) as SafetensorsDtype[];
const mutantCount = 30_000;

/** A small generator of its own: mutants must be cheap, and the seed is printed with a failure. */
function makeRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function validHeader(random: (below: number) => number): { text: string; dataBytes: number } {
  const parts: string[] = [];
  if (random(2)) parts.push('"__metadata__":{"format":"pt","about":"\\u00e9"}');
  let position = 0;
  for (let i = 0; i < 1 + random(4); i++) {
    const dtype = dtypes[random(dtypes.length)] as SafetensorsDtype;
    const shape = Array.from({ length: random(4) }, () => 8 * random(3));
    const bits = shape.reduce((a, b) => a * b, safetensorsDtypeBits[dtype]);
    if (bits % 8 !== 0) continue;
    const end = position + bits / 8;
    parts.push(`"t${i}":${JSON.stringify({ dtype, shape, data_offsets: [position, end] })}`);
    position = end;
  }
  return { text: `{${parts.join(',')}}`, dataBytes: position };
}

const fragments = [
  '-1',
  '0',
  '1e9',
  '0.5',
  '18446744073709551616',
  '4294967297',
  'null',
  'true',
  '""',
  '[]',
  '{}',
  '[0,0]',
  '"F32"',
  '"__proto__"',
  '"\\ud800"',
  '\\',
  '"',
  ',',
  ':',
  '{',
  '}',
  '[',
  ']',
  '"t0":',
  '"shape":[1]',
  '\u0000',
  '\ud83d\ude00',
  ' '.repeat(9),
];

/** Replaces, inserts, removes, repeats or swaps pieces: whole JSON tokens, or single bytes. */
function mutate(text: string, random: (below: number) => number): Buffer {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|-?\d+|[{}[\]:,]|null/g) ?? [];
  for (let i = 0; i < 1 + random(3); i++) {
    const at = random(tokens.length + 1);
    const fragment = fragments[random(fragments.length)] as string;
    switch (random(5)) {
      case 0:
        tokens.splice(at, 1, fragment);
        break;
      case 1:
        tokens.splice(at, 0, fragment);
        break;
      case 2:
        tokens.splice(at, 1 + random(4));
        break;
      case 3:
        tokens.splice(at, 0, ...tokens.slice(at, at + 1 + random(12)));
        break;
      default:
        tokens.splice(at, 1, tokens[random(tokens.length)] ?? '');
    }
  }
  const bytes = Buffer.from(tokens.join(''));
  if (bytes.length > 0 && random(3) === 0) bytes[random(bytes.length)] = random(256);
  return random(8) === 0 ? bytes.subarray(0, random(bytes.length + 1)) : bytes;
}

/** The rules said once more, with JSON.parse: what was accepted must obey them. */
function obeysRules(bytes: Buffer, dataBytes: number): boolean {
  const json = JSON.parse(bytes.toString('utf8')) as Record<
    string,
    { dtype: SafetensorsDtype; shape: number[]; data_offsets: [number, number] }
  >;
  const entries = Object.entries(json).filter(([name]) => name !== '__metadata__');
  const ranges = entries.map(([, tensor]) => tensor.data_offsets).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let position = 0;
  for (const [begin, end] of ranges) {
    if (begin !== position) return false;
    position = end;
  }
  return (
    position === dataBytes &&
    entries.every(([, { dtype, shape, data_offsets }]) => {
      const bits = shape.reduce((a, b) => a * b, safetensorsDtypeBits[dtype]);
      return (
        Object.keys(safetensorsDtypeBits).includes(dtype) && bits / 8 === data_offsets[1] - data_offsets[0]
      );
    })
  );
}

describe('safetensors headers', () => {
  it(`${mutantCount} structure-aware mutants are refused with a typed error or obey every rule`, () => {
    const seed = Date.now() >>> 0;
    const random = makeRandom(seed);
    let accepted = 0;
    for (let i = 0; i < mutantCount; i++) {
      const { text, dataBytes } = validHeader(random);
      const bytes = mutate(text, random);
      try {
        parseSafetensorsHeader('mutant', bytes, dataBytes);
        accepted += 1;
        expect(obeysRules(bytes, dataBytes), `seed ${seed}, mutant ${i}: ${bytes}`).toBe(true);
      } catch (thrown) {
        if (!(thrown instanceof QatError))
          throw new Error(`seed ${seed}, mutant ${i}: ${bytes}`, { cause: thrown });
        expect(thrown.code).toMatch(/^E-SAFETENSORS-/);
      }
    }
    // Mutants that are all refused at the first byte would prove nothing, and so would harmless ones.
    expect(accepted).toBeGreaterThan(mutantCount / 1000);
    expect(accepted).toBeLessThan(mutantCount / 2);
  });

  it('every cut of a valid header is refused', () => {
    const { text, dataBytes } = validHeader(makeRandom(3));
    const bytes = Buffer.from(text);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => parseSafetensorsHeader('cut', bytes.subarray(0, length), dataBytes)).toThrow(QatError);
    }
    parseSafetensorsHeader('whole', bytes, dataBytes);
  });

  it('reads names as JSON.parse does', () => {
    const name = fc.string({ unit: 'grapheme', maxLength: 40 });
    fc.assert(
      fc.property(name, fc.boolean(), (text, escaped) => {
        const plain = JSON.stringify(text);
        const quoted = escaped
          ? `"${[...Array(text.length).keys()].map((i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"`
          : plain;
        const header = `{${quoted}:{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`;
        const { tensors } = parseSafetensorsHeader('name', Buffer.from(header), 0);
        expect([...tensors.keys()]).toEqual([JSON.parse(quoted)]);
      }),
      { numRuns: 2000 },
    );
  }, 60_000);
});

describe('findInvalidUtf8', () => {
  it('agrees with the strict decoder of the platform', () => {
    const strict = new TextDecoder('utf-8', { fatal: true });
    const byte = fc.oneof(
      fc.constantFrom(
        0x80,
        0x8f,
        0x90,
        0x9f,
        0xa0,
        0xbf,
        0xc0,
        0xc2,
        0xdf,
        0xe0,
        0xed,
        0xef,
        0xf0,
        0xf4,
        0xf5,
      ),
      fc.integer({ min: 0, max: 255 }),
    );
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 8 }), (values) => {
        const bytes = Uint8Array.from(values);
        let valid = true;
        try {
          strict.decode(bytes);
        } catch {
          valid = false;
        }
        expect(findInvalidUtf8(bytes) === -1).toBe(valid);
      }),
      { numRuns: 20_000 },
    );
  });
});
