/** Descriptions of exported files, of this version and of the one before. */
import { expect, it } from 'vitest';
import { packedFormatName, readPackedMetadata, writePackedMetadata } from './packed-format.js';

/** As version 1 wrote it: an input has no method. */
const version1 = new Map(
  Object.entries({
    format: packedFormatName,
    format_version: '1',
    'packed.layers': JSON.stringify([
      {
        name: 'fc.weight',
        base: 'fc',
        shape: [4, 8],
        bits: 4,
        grid: 'signed',
        qmin: -8,
        qmax: 7,
        granularity: 'channel',
        groupSize: 64,
        method: 'lsq',
      },
    ]),
    'packed.activations': JSON.stringify([{ base: 'fc', bits: 4, grid: 'unsigned', qmin: 0, qmax: 15 }]),
    'packed.source': JSON.stringify({ name: 'm', sha256: '0'.repeat(64) }),
    'packed.run': 'null',
    'packed.tool': JSON.stringify({ name: 't', version: '1' }),
    'packed.graph': 'null',
  }),
);

it('a file of version 1 is read, its inputs without a shift', () => {
  const { layers, activations } = readPackedMetadata('q', version1);
  expect(layers[0]).toMatchObject({ name: 'fc.weight', method: 'lsq' });
  expect(activations[0]).toMatchObject({ qmax: 15, method: 'ste' });
});

const origin = { base: 'fc', rounding: 'gptq', trained: 'no' } as const;

it('a file from before origins were written is read without them; one that has them says them', () => {
  expect(readPackedMetadata('q', version1).origins).toEqual([]);
  const written = new Map(
    Object.entries(writePackedMetadata({ ...readPackedMetadata('q', version1), origins: [origin] })),
  );
  expect(readPackedMetadata('q', written).origins).toEqual([origin]);
  // Readers from before refuse keys of a layer that they do not know, and pass over keys of the file.
  expect(JSON.parse(written.get('packed.layers') ?? '[]')).toEqual(
    JSON.parse(version1.get('packed.layers') ?? ''),
  );
  expect(written.get('format_version')).toBe('2');
  const damaged = new Map(written).set('packed.origins', '[{"base":"fc"}]');
  expect(() => readPackedMetadata('q', damaged)).toThrow(/damaged/);
});

it('a file of a later version is refused', () => {
  const later = new Map(version1).set('format_version', '4');
  expect(() => readPackedMetadata('q', later)).toThrow(/format_version is not 1, 2, 3/);
});
