/** The figures of a training's layers as JavaScript gets them: which nodes have which, at which steps. */
import { describe, expect, it } from 'vitest';
import type { NetworkNode, SessionEvaluation, SessionStep } from '../index.js';
import { quantizer, randomSequence, sessionOptions } from './fixtures.js';
import { loadAddon } from './load-addon.js';

const addon = loadAddon();
const tokens = 4;
const count = 64;
const next = randomSequence(3);
const ids = Float32Array.from({ length: count * tokens }, () => Math.floor(next() * 20));
const labels = Uint8Array.from({ length: count }, (_, i) => ((ids[i * tokens] ?? 0) < 10 ? 1 : 0));
const data = addon.createDatasetFromFloats(ids, labels, { count, features: tokens, classes: 2 });

const nodes: NetworkNode[] = [
  { op: 'input', name: 'ids', shape: [tokens] },
  { op: 'embedding', name: 'table', numEmbeddings: 20, embeddingDim: 8, weight: quantizer(3) },
  { op: 'flatten' },
  {
    op: 'mpqLinear',
    name: 'mpq',
    inChannels: 32,
    outChannels: 32,
    bias: true,
    wBit: 4,
    groupSize: 16,
    method: 'lsq',
  },
  { op: 'relu' },
  {
    op: 'mixedRowLinear',
    name: 'mixed',
    inChannels: 32,
    outChannels: 8,
    groupSize: 16,
    widths: Int32Array.of(8, 4),
  },
  {
    op: 'linear',
    name: 'head',
    bias: true,
    inChannels: 8,
    outChannels: 2,
    weight: quantizer(4),
    activation: { bits: 8, grid: 'signed', range: 'mse', method: 'lsq' },
  },
];

/** Two epochs of four steps too short to move anything: the scales that the figures are of are still there afterwards. */
async function record() {
  const network = addon.createNetwork(nodes);
  network.resetParameters(1);
  await network.prepare(data, count);
  const options = {
    optimizer: 'sgd',
    momentum: 0,
    learningRate: 1e-30,
    epochs: 2,
    diagnosticsEvery: 3,
  } as const;
  const session = addon.createSession(network, data, data, sessionOptions(options));
  session.start();
  expect(await session.done).toBe('finished');
  const { steps, evaluations } = session.drain();
  session.dispose();
  return { network, steps, evaluations };
}

const names = (layers: SessionStep['layers'] | SessionEvaluation['layers']) =>
  layers?.map(({ name }) => name) ?? null;

describe('figures of layers', () => {
  it('come every so many steps, of n-bit and weight-only layers and of tables', async () => {
    const { network, steps } = await record();
    expect(steps.map(({ step, layers }) => [step, names(layers)])).toEqual(
      [1, 2, 3, 4, 5, 6, 7, 8].map((step) => [
        step,
        step % 3 === 0 ? ['table', 'mpq', 'mixed', 'head'] : null,
      ]),
    );
    const sizes = Object.fromEntries(network.parameters().map(({ name, rows, cols }) => [name, rows * cols]));
    for (const { step, layers } of steps) {
      for (const layer of layers ?? []) {
        const scales =
          layer.name === 'head'
            ? network.scales('head').scales
            : new Float32Array(sizes[`${layer.name}.scales`] ?? 0);
        if (layer.name !== 'head') network.getParameter(`${layer.name}.scales`, scales);
        const mean = scales.reduce((sum, scale) => sum + scale, 0) / scales.length;
        expect(layer.weightScale, layer.name).toBeCloseTo(mean, 6);
        expect(layer.sqnrDb, layer.name).toBeGreaterThan(10);
        expect(layer.weightGradient, layer.name).toBeGreaterThan(0);
        // The mixed layer is trained straight through: its scales are not learned.
        if (layer.name === 'mixed') expect(layer.scaleGradient).toBeNull();
        else expect(layer.scaleGradient, layer.name).toBeGreaterThan(0);
        // The first look has nothing to compare with; then nothing moves.
        expect(layer.flipShare, layer.name).toBe(step === 3 ? null : 0);
        expect(layer.activationScale === null, layer.name).toBe(layer.name !== 'head');
        expect(layer.frozenShare).toBeNull();
      }
    }
  });

  it('of an evaluation are those of n-bit layers alone', async () => {
    const { network, evaluations } = await record();
    expect(evaluations.map(({ step, layers }) => [step, names(layers)])).toEqual([
      [0, ['head']],
      [4, ['head']],
      [8, ['head']],
    ]);
    const { scales } = network.scales('head');
    const mean = scales.reduce((sum, scale) => sum + scale, 0) / scales.length;
    for (const { layers } of evaluations) {
      expect(layers[0]?.scaleMean).toBeCloseTo(mean, 6);
      expect(layers[0]?.flipShare).toBe(0);
    }
  });
});
