/** Descriptions of exported files, of this version and of the one before. */
import { expect, it } from 'vitest';
import { packedFormatName, readPackedMetadata } from './packed-format.js';

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

it('a file of a later version is refused', () => {
  const later = new Map(version1).set('format_version', '4');
  expect(() => readPackedMetadata('q', later)).toThrow(/format_version is not 1, 2, 3/);
});
