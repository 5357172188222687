/** Masks of an attention node, set from JavaScript, against the softmax written out here. */
import { describe, expect, it } from 'vitest';
import type { NetworkNode } from '../index.js';
import { errorOf } from './expect-error.js';
import { quantizer, randomFloats } from './fixtures.js';
import { loadAddon } from './load-addon.js';

const addon = loadAddon();
const tokens = 5;
const features = 6;
const heads = 2;
const depth = features / heads;
const vocabulary = 7;
const padding = 3;

type Mask = { causal?: boolean; paddingIdx?: number };

// The second sample ends in padding, the third begins with it, the fourth is nothing else.
const samples = [
  [0, 1, 2, 4, 5],
  [6, 1, 0, padding, padding],
  [padding, padding, 2, 6, 5],
  [padding, padding, padding, padding, padding],
];
const data = addon.createDatasetFromFloats(
  Float32Array.from(samples.flat()),
  Uint8Array.from(samples.keys()),
  { count: samples.length, features: tokens, classes: tokens * features },
);

const tables = Object.fromEntries(
  ['q', 'k', 'v'].map((name, i) => [name, randomFloats(vocabulary * features, 20 + i)]),
) as Record<'q' | 'k' | 'v', Float32Array>;

/** Queries, keys and values are rows of a float table each; the outputs of the attention are the logits. */
function nodes(mask: Mask, keyIds: boolean): NetworkNode[] {
  const table = (name: string): NetworkNode => ({
    op: 'embedding',
    name,
    numEmbeddings: vocabulary,
    embeddingDim: features,
    weight: quantizer(32),
    inputs: ['ids'],
  });
  return [
    { op: 'input', name: 'ids', shape: [tokens] },
    table('q'),
    table('k'),
    table('v'),
    { op: 'attention', inputs: keyIds ? ['q', 'k', 'v', 'ids'] : ['q', 'k', 'v'], heads, ...mask },
    { op: 'flatten' },
  ];
}

async function outputs(mask: Mask, keyIds: boolean): Promise<Float32Array> {
  const network = addon.createNetwork(nodes(mask, keyIds));
  for (const [name, values] of Object.entries(tables)) network.setParameter(`${name}.weight`, values);
  await network.prepare(data, data.count);
  const logits = await network.logits(data, 'fakeQuant');
  expect(await network.logits(data, 'packed')).toEqual(logits);
  return logits;
}

/** softmax(q·kᵀ/√d)·v over the keys that `sees` lets a query see; zeros where it sees none. */
function expected(sees: (ids: number[], query: number, key: number) => boolean): number[] {
  const row = (table: Float32Array, id: number, head: number): number[] =>
    Array.from(table.subarray(id * features + head * depth, id * features + (head + 1) * depth));
  return samples.flatMap((ids) =>
    ids.flatMap((queryId, query) =>
      Array.from({ length: heads }, (_, head) => {
        const q = row(tables.q, queryId, head);
        const seen = ids.filter((_id, key) => sees(ids, query, key));
        const weights = seen.map((id) => {
          const dot = row(tables.k, id, head).reduce((sum, value, c) => sum + value * (q[c] ?? 0), 0);
          return Math.exp(dot / Math.sqrt(depth));
        });
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        return q.map((_, c) =>
          seen.reduce(
            (sum, id, i) => sum + ((weights[i] ?? 0) / total) * (row(tables.v, id, head)[c] ?? 0),
            0,
          ),
        );
      }).flat(),
    ),
  );
}

function expectNear(actual: Float32Array, wanted: number[]): void {
  expect(actual.length).toBe(wanted.length);
  const off = wanted.map((value, i) => Math.abs(value - (actual[i] ?? Number.NaN)));
  expect(Math.max(...off)).toBeLessThan(2e-6);
}

const past = (_ids: number[], query: number, key: number) => key <= query;
const filled = (ids: number[], _query: number, key: number) => ids[key] !== padding;

describe('an attention mask', () => {
  it('is none unless asked for', async () => {
    expectNear(
      await outputs({}, false),
      expected(() => true),
    );
    expectNear(
      await outputs({ causal: false }, false),
      expected(() => true),
    );
  });

  it('hides later keys when causal', async () => {
    expectNear(await outputs({ causal: true }, false), expected(past));
  });

  it('hides padding keys of every sample; a query that sees none gives zeros', async () => {
    const masked = await outputs({ paddingIdx: padding }, true);
    expectNear(masked, expected(filled));
    expect(Math.max(...masked.subarray(3 * tokens * features).map(Math.abs))).toBe(0);
  });

  it('hides the id 0 unless told another', async () => {
    expectNear(
      await outputs({}, true),
      expected((ids, _query, key) => ids[key] !== 0),
    );
  });

  it('hides both together', async () => {
    const both = await outputs({ causal: true, paddingIdx: padding }, true);
    expectNear(
      both,
      expected((...at) => past(...at) && filled(...at)),
    );
  });

  it('keeps what it hides out of the training: only padding keys and values stand still', async () => {
    const network = addon.createNetwork(nodes({ paddingIdx: padding }, true));
    for (const [name, values] of Object.entries(tables)) network.setParameter(`${name}.weight`, values);
    await network.prepare(data, data.count);
    const session = addon.createSession(network, data, data, {
      optimizer: 'sgd',
      learningRate: 0.5,
      momentum: 0,
      weightDecay: 0,
      schedule: 'constant',
      epochs: 1,
      batchSize: samples.length,
      seed: 1,
    });
    session.start();
    expect(await session.done).toBe('finished');
    for (const [name, before] of Object.entries(tables)) {
      const after = new Float32Array(before.length);
      network.getParameter(`${name}.weight`, after);
      const moved = Array.from({ length: vocabulary }, (_, id) =>
        after
          .subarray(id * features, (id + 1) * features)
          .some((value, c) => value !== before[id * features + c]),
      );
      const others = Array.from({ length: vocabulary }, (_, id) => id !== padding);
      // Padding still asks: queries of the second and third sample see other keys.
      expect(moved, name).toEqual(name === 'q' ? others.map(() => true) : others);
    }
  });

  it('is refused where it does not fit', () => {
    const attention = (changes: object): NetworkNode[] => [
      { op: 'input', name: 'x', shape: [4, 6] },
      { op: 'attention', inputs: ['x', 'x', 'x'], heads: 2, ...changes } as NetworkNode,
      { op: 'flatten' },
    ];
    const refused: [object, string][] = [
      [{ causal: 1 }, 'E-NATIVE-ARGUMENT'],
      [{ causal: 'yes' }, 'E-NATIVE-ARGUMENT'],
      [{ paddingIdx: -1 }, 'E-NATIVE-ARGUMENT'],
      [{ paddingIdx: 0.5 }, 'E-NATIVE-ARGUMENT'],
      [{ paddingIdx: 2 ** 24 + 1 }, 'E-NATIVE-ARGUMENT'],
      [{ inputs: ['x', 'x', 'x', 'x'] }, 'E-MODEL-GRAPH'],
      [{ inputs: ['x', 'x', 'x', 'x', 'x'] }, 'E-NATIVE-ARGUMENT'],
    ];
    for (const [changes, code] of refused) {
      const error = errorOf(() => addon.createNetwork(attention(changes)));
      expect(error.code, JSON.stringify(changes)).toBe(code);
    }
  });
});
