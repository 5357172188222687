/** Layers of every kind as nodes of a network: tokens, weight-only layers, the way from float to n bits. */
import { describe, expect, it } from 'vitest';
import type { MixedRowWeight, MpqWeight, Network, NetworkNode } from '../index.js';
import { errorOf, rejectionOf } from './expect-error.js';
import { createDataset, quantizer, randomFloats, sessionOptions } from './fixtures.js';
import { loadAddon } from './load-addon.js';

const addon = loadAddon();
const float = { bits: 32, grid: 'signed', range: 'mse', method: 'lsq' } as const;

const head = (name: string, inChannels: number, bits = 32): NetworkNode => ({
  op: 'linear',
  name,
  bias: true,
  inChannels,
  outChannels: 2,
  weight: quantizer(bits),
  activation: { ...float, bits },
});

function values(network: Network, parameter: string): Float32Array {
  const info = network.parameters().find(({ name }) => name === parameter);
  const target = new Float32Array((info?.rows ?? 0) * (info?.cols ?? 0));
  network.getParameter(parameter, target);
  return target;
}

async function train(network: Network, data: ReturnType<typeof createDataset>): Promise<string> {
  const options = { ...sessionOptions(), learningRate: 0.02, epochs: 8 };
  const session = addon.createSession(network, data, data, options);
  session.start();
  const drained = setInterval(() => session.drain(), 5);
  const state = await session.done;
  clearInterval(drained);
  session.dispose();
  return state;
}

describe('a network of tokens', () => {
  // Ids below 10 and above are two kinds; the class is the kind of the first id.
  const count = 200;
  const ids = Float32Array.from(
    randomFloats(count * 4, 3),
    (value) => Math.floor(Math.abs(value) * 1e4) % 20,
  );
  const labels = Uint8Array.from({ length: count }, (_, sample) =>
    (ids[sample * 4] ?? 0) % 3 === 0 ? 1 : 0,
  );
  const data = addon.createDatasetFromFloats(ids, labels, { count, features: 4, classes: 2 });
  const nodes = (bits: number): NetworkNode[] => [
    { op: 'input', name: 'ids', shape: [4] },
    { op: 'embedding', name: 'embed', numEmbeddings: 20, embeddingDim: 8, weight: quantizer(bits) },
    { op: 'flatten' },
    head('head', 32, 8),
  ];

  it('learns, and its packed pass agrees', async () => {
    const network = addon.createNetwork(nodes(3));
    network.resetParameters(1);
    await network.prepare(data, count);
    expect(await train(network, data)).toBe('finished');
    expect((await network.evaluate(data, 'packed')).accuracy).toBeGreaterThan(0.95);
    const packed = network.quantizedWeight('embed');
    expect([packed.rows, packed.cols, packed.bits, packed.granularity]).toEqual([20, 8, 3, 'channel']);
    const other = addon.createNetwork(nodes(3));
    other.setQuantizedWeight('embed', packed);
    expect(other.quantizedWeight('embed')).toEqual(packed);
  });

  it('refuses what is no id', async () => {
    const network = addon.createNetwork(nodes(3));
    network.resetParameters(1);
    await network.prepare(data, count);
    const wrong = addon.createDatasetFromFloats(Float32Array.of(1, 2, 20, 3), Uint8Array.of(0), {
      count: 1,
      features: 4,
      classes: 2,
    });
    const error = await rejectionOf(network.logits(wrong, 'packed'));
    expect([error.code, error.message]).toEqual(['E-DATASET-MISMATCH', expect.stringContaining('Value 20 ')]);
  });
});

describe('weight-only layers in a network', () => {
  const data = createDataset(addon, 120, 32, 5);
  const nodes: NetworkNode[] = [
    {
      op: 'mpqLinear',
      name: 'mpq',
      inChannels: 32,
      outChannels: 32,
      bias: true,
      wBit: 3,
      groupSize: 16,
      method: 'lsq',
    },
    { op: 'relu' },
    {
      op: 'mixedRowLinear',
      name: 'mixed',
      inChannels: 32,
      outChannels: 2,
      groupSize: 16,
      widths: Int32Array.of(4, 2),
    },
  ];

  it('learn, give their packed form, and take it again', async () => {
    const network = addon.createNetwork(nodes);
    network.resetParameters(1);
    await network.prepare(data, 120);
    expect(await train(network, data)).toBe('finished');
    expect((await network.evaluate(data, 'packed')).accuracy).toBeGreaterThan(0.9);
    const mpq = network.quantizedWeight<MpqWeight>('mpq');
    const mixed = network.quantizedWeight<MixedRowWeight>('mixed');
    expect([mpq.bits, mpq.qweight.length, mixed.qGroups[0]]).toEqual([3, 3 * 32, 4]);
    const other = addon.createNetwork(nodes);
    other.setQuantizedWeight('mpq', mpq);
    other.setQuantizedWeight('mixed', mixed);
    other.setParameter('mpq.bias', values(network, 'mpq.bias'));
    expect(await other.logits(data, 'packed')).toEqual(await network.logits(data, 'packed'));
    expect(errorOf(() => other.setQuantizedWeight('mpq', mixed)).code).toBe('E-QUANTIZER-INVALID');
  });
});

describe('a float network', () => {
  it('becomes an n-bit one layer by layer; what is not converted stays as it is', async () => {
    const data = createDataset(addon, 60, 36, 5);
    const conv = {
      op: 'conv2d',
      name: 'conv',
      inChannels: 1,
      outChannels: 2,
      kernel: 3,
      bias: true,
    } as const;
    const nodes = (converted: number): NetworkNode[] => [
      { op: 'input', shape: [1, 6, 6] },
      {
        ...conv,
        weight: quantizer(converted > 0 ? 4 : 32),
        activation: { ...float, bits: converted > 0 ? 8 : 32 },
      },
      { op: 'batchNorm', name: 'norm', features: 2 },
      { op: 'flatten' },
      head('head', 32, converted > 1 ? 4 : 32),
    ];
    let network = addon.createNetwork(nodes(0));
    network.resetParameters(1);
    await network.prepare(data, 60);
    expect(await train(network, data)).toBe('finished');
    for (const converted of [1, 2]) {
      const next = addon.createNetwork(nodes(converted));
      next.takeFrom(network);
      await next.prepareMissing(data, 60);
      for (const { name } of network.parameters()) expect(values(next, name)).toEqual(values(network, name));
      if (converted === 2) expect(next.scales('conv')).toEqual(network.scales('conv'));
      expect((await next.evaluate(data, 'packed')).count).toBe(60);
      network = next;
    }
    expect(network.quantizedWeight('head').bits).toBe(4);
  });
});
