/**
 * What an MPQ layer with its float residual is among n-bit layers: the unsigned grid in groups, STE, float inputs, scales
 * that stay. Under equal scales both are trained to the same bits; where they part is tested too (docs/numerics.md §10).
 */
import { describe, expect, it } from 'vitest';
import type { MpqWeight, Network, NetworkNode, SessionOptions } from '../index.js';
import type { NativeQuantizer } from '../quantizer.js';
import { createDataset, quantizer, randomFloats, sessionOptions } from './fixtures.js';
import { loadAddon } from './load-addon.js';

const addon = loadAddon();
const inChannels = 32;
const outChannels = 12;
const groupSize = 16;
const groups = inChannels / groupSize;
const samples = 60;
const data = createDataset(addon, samples, inChannels, 5);
const float = { bits: 32, grid: 'signed', range: 'mse', method: 'lsq' } as const;
const shape = { name: 'layer', bias: true, inChannels, outChannels } as const;

const rest: NetworkNode[] = [
  { op: 'relu' },
  {
    op: 'linear',
    name: 'head',
    bias: true,
    inChannels: outChannels,
    outChannels: 2,
    weight: quantizer(32),
    activation: float,
  },
];

type Bits = 2 | 3 | 4 | 8;

function mpqNetwork(wBit: Bits, method: 'ste' | 'lsq' = 'ste'): Network {
  return addon.createNetwork([
    { op: 'mpqLinear', ...shape, wBit, groupSize, zeroFormat: 'gptqV2', method },
    ...rest,
  ]);
}

function nBitNetwork(bits: Bits, change: Partial<NativeQuantizer> = {}): Network {
  const weight = quantizer(bits, {
    grid: 'unsigned',
    granularity: 'group',
    groupSize,
    method: 'ste',
    ...change,
  });
  return addon.createNetwork([{ op: 'linear', ...shape, weight, activation: float }, ...rest]);
}

function floats(network: Network, name: string, count: number): Float32Array {
  const values = new Float32Array(count);
  network.getParameter(name, values);
  return values;
}

/** [groups, out], as MPQ has them, to [out, groups]. */
const byRow = (values: Float32Array) =>
  Float32Array.from(values, (_, at) => values[(at % groups) * outChannels + Math.floor(at / groups)] ?? 0);

const scalesOf = (mpq: Network) => ({
  scales: byRow(floats(mpq, 'layer.scales', groups * outChannels)),
  zeroPoints: Int32Array.from(byRow(floats(mpq, 'layer.zeros', groups * outChannels))),
});

async function begin(network: Network): Promise<void> {
  network.setParameter('layer.weight', randomFloats(outChannels * inChannels, 3, 0.2));
  network.setParameter('layer.bias', new Float32Array(outChannels));
  network.setParameter('head.weight', randomFloats(2 * outChannels, 4, 0.5));
  network.setParameter('head.bias', new Float32Array(2));
  await network.prepare(data, samples);
}

/** Both from the same weights; the n-bit layer takes MPQ's scales. */
async function pair(bits: Bits, change: Partial<NativeQuantizer> = {}, method: 'ste' | 'lsq' = 'ste') {
  const mpq = mpqNetwork(bits, method);
  const nBit = nBitNetwork(bits, { ...change, ...(method === 'lsq' && { method }) });
  for (const network of [mpq, nBit]) await begin(network);
  nBit.setScales('layer', scalesOf(mpq));
  return { mpq, nBit };
}

/** SGD, all samples a step unless said otherwise. */
async function train(network: Network, steps: number, change: Partial<SessionOptions> = {}): Promise<void> {
  const plain = { optimizer: 'sgd', momentum: 0, weightDecay: 0, schedule: 'constant' } as const;
  const session = addon.createSession(network, data, data, {
    ...sessionOptions(),
    ...plain,
    learningRate: 0.5,
    batchSize: samples,
    epochs: steps,
    ...change,
  });
  session.start();
  const drained = setInterval(() => session.drain(), 2);
  expect(await session.done).toBe('finished');
  clearInterval(drained);
  session.dispose();
}

const weightOf = (network: Network) => floats(network, 'layer.weight', outChannels * inChannels);

function nBitCodes(network: Network): number[] {
  const { packed, bits } = network.quantizedWeight('layer');
  return [...addon.unpackCodes(packed, outChannels, inChannels, bits)];
}

/** From one bit stream per output, in 32-bit words. */
function mpqCodes(network: Network): number[] {
  const { qweight, bits } = network.quantizedWeight<MpqWeight>('layer');
  const bit = (output: number, at: number) =>
    ((qweight[(at >> 5) * outChannels + output] ?? 0) >>> (at & 31)) & 1;
  return Array.from({ length: outChannels * inChannels }, (_, at) => {
    const start = (at % inChannels) * bits;
    const output = Math.floor(at / inChannels);
    return Array.from({ length: bits }, (_none, b) => bit(output, start + b) << b).reduce((a, b) => a | b, 0);
  });
}

describe('an MPQ layer and its n-bit twin under the same scales', () => {
  it.each([2, 3, 4, 8] as const)(
    '%i bits: the same codes and float weights after every step of SGD',
    async (bits) => {
      const start = await pair(bits);
      const first = mpqCodes(start.mpq);
      expect(nBitCodes(start.nBit)).toEqual(first);
      let moved = 0;
      for (let steps = 1; steps <= 12; steps += 1) {
        const { mpq, nBit } = await pair(bits);
        await train(mpq, steps);
        await train(nBit, steps);
        const codes = mpqCodes(mpq);
        expect(nBitCodes(nBit)).toEqual(codes);
        expect(weightOf(nBit)).toEqual(weightOf(mpq));
        moved = codes.filter((code, at) => code !== first[at]).length;
      }
      expect(moved).toBeGreaterThan(10);
    },
  );

  it('with momentum, weight decay and small batches too', async () => {
    const { mpq, nBit } = await pair(3);
    const change = { momentum: 0.9, weightDecay: 0.01, batchSize: 7, learningRate: 0.1 };
    await train(mpq, 5, change);
    await train(nBit, 5, change);
    expect(nBitCodes(nBit)).toEqual(mpqCodes(mpq));
    expect(weightOf(nBit)).toEqual(weightOf(mpq));
    expect(await nBit.logits(data, 'fakeQuant')).toEqual(await mpq.logits(data, 'fakeQuant'));
  });
});

describe('where they part', () => {
  it('prepared each by itself they have other scales: both search the least squared error, in other ways', async () => {
    const mpq = mpqNetwork(3);
    const nBit = nBitNetwork(3);
    for (const network of [mpq, nBit]) await begin(network);
    expect(nBit.scales('layer').scales).not.toEqual(scalesOf(mpq).scales);
  });

  it('abs-max scales of an STE layer follow the weight, those of MPQ stay', async () => {
    const { mpq, nBit } = await pair(3, { range: 'absmax' });
    const before = scalesOf(mpq);
    await train(mpq, 3);
    await train(nBit, 3);
    expect(scalesOf(mpq)).toEqual(before);
    expect(nBit.scales('layer').scales).not.toEqual(before.scales);
  });

  it('with LSQ, MPQ learns its zeros, the n-bit layer keeps its zero points', async () => {
    const { mpq, nBit } = await pair(3, {}, 'lsq');
    const before = floats(mpq, 'layer.zeros', groups * outChannels);
    const { zeroPoints } = nBit.scales('layer');
    await train(mpq, 12);
    await train(nBit, 12);
    expect(nBit.scales('layer').zeroPoints).toEqual(zeroPoints);
    expect(floats(mpq, 'layer.zeros', groups * outChannels)).not.toEqual(before);
  });

  it('the packed passes add up in another order: equal to rounding', async () => {
    const { mpq, nBit } = await pair(4);
    const [a, b] = [await mpq.logits(data, 'packed'), await nBit.logits(data, 'packed')];
    for (const [at, value] of a.entries()) expect(b[at]).toBeCloseTo(value, 4);
  });
});
