/** Products of activations as nodes: attention with quantized operands and matmul, through JavaScript. */
import { describe, expect, it } from 'vitest';
import type { AttentionQuantizer, NativeActivationQuantizer, NetworkNode } from '../index.js';
import { errorOf, rejectionOf } from './expect-error.js';
import { createDataset, quantizer, sessionOptions } from './fixtures.js';
import { loadAddon } from './load-addon.js';

const addon = loadAddon();
const tokens = 4;
const features = 6;
const data = createDataset(addon, 120, tokens * features, 3);

const operand = (bits: number, grid: 'signed' | 'unsigned' = 'signed'): NativeActivationQuantizer => ({
  bits,
  grid,
  range: 'mse',
  method: 'lsq',
});

const allOperands = (bits: number): AttentionQuantizer => ({
  queries: operand(bits),
  keys: operand(bits),
  probabilities: { ...operand(bits), grid: 'unsigned' },
  values: operand(bits),
});

function attentionNetwork(attention: object): NetworkNode[] {
  const linear = (name: string, inChannels: number, outChannels: number, inputs?: string[]): NetworkNode => ({
    op: 'linear',
    name,
    bias: true,
    weight: quantizer(4),
    activation: operand(4),
    inChannels,
    outChannels,
    ...(inputs && { inputs }),
  });
  const node = { op: 'attention', name: 'attention', inputs: ['q', 'k', 'v'], heads: 2, ...attention };
  return [
    { op: 'input', shape: [tokens, features] },
    linear('embed', features, features),
    linear('q', features, features, ['embed']),
    linear('k', features, features, ['embed']),
    linear('v', features, features, ['embed']),
    node as NetworkNode,
    linear('out', features, features),
    { op: 'flatten' },
    linear('head', tokens * features, 2),
  ];
}

const productNetwork = (product: object): NetworkNode[] => [
  { op: 'input', shape: [tokens, features] },
  { op: 'relu', name: 'x' },
  { op: 'matmul', name: 'gram', inputs: ['x', 'x'], transposed: true, ...product } as NetworkNode,
  { op: 'flatten' },
  {
    op: 'linear',
    name: 'head',
    bias: true,
    weight: quantizer(4),
    activation: operand(8),
    inChannels: tokens * tokens,
    outChannels: 2,
  },
];

const names = (nodes: NetworkNode[]): string[] =>
  addon
    .createNetwork(nodes)
    .parameters()
    .map(({ name }) => name)
    .filter((name) => /^(attention|gram)\./.test(name));

describe('products of quantized activations', () => {
  it('show the scales of their operands as parameters, and only of those that are quantized', () => {
    expect(names(attentionNetwork({}))).toEqual([]);
    expect(names(attentionNetwork({ quantizer: { values: operand(32) } }))).toEqual([]);
    expect(names(attentionNetwork({ quantizer: allOperands(1) }))).toEqual([
      'attention.queriesScale',
      'attention.keysScale',
      'attention.probabilitiesScale',
      'attention.valuesScale',
    ]);
    const lsqPlus = { ...operand(4), method: 'lsqPlus' };
    const pact = { ...operand(4, 'unsigned'), method: 'pact' };
    expect(names(productNetwork({ quantizer: { a: lsqPlus, b: pact } }))).toEqual([
      'gram.aScale',
      'gram.aShift',
      'gram.bClip',
    ]);
  });

  it('refuse operands they do not have, and quantizers that cannot be', () => {
    const refused: [NetworkNode[], string][] = [
      [attentionNetwork({ quantizer: 4 }), 'E-NATIVE-ARGUMENT'],
      [attentionNetwork({ quantizer: { query: operand(4) } }), 'E-NATIVE-ARGUMENT'],
      [attentionNetwork({ quantizer: { queries: operand(9) } }), 'E-NATIVE-ARGUMENT'],
      [attentionNetwork({ quantizer: { queries: { bits: 4 } } }), 'E-NATIVE-ARGUMENT'],
      [attentionNetwork({ quantizer: { probabilities: operand(4) } }), 'E-QUANTIZER-INVALID'],
      [attentionNetwork({ name: undefined, quantizer: allOperands(4) }), 'E-MODEL-GRAPH'],
      [productNetwork({ transposed: 1 }), 'E-NATIVE-ARGUMENT'],
      [productNetwork({ quantizer: { c: operand(4) } }), 'E-NATIVE-ARGUMENT'],
      [productNetwork({ transposed: false }), 'E-MODEL-GRAPH'],
      [productNetwork({ inputs: ['x'] }), 'E-MODEL-GRAPH'],
      [productNetwork({ name: undefined, quantizer: { a: operand(4) } }), 'E-MODEL-GRAPH'],
    ];
    for (const [nodes, code] of refused) expect(errorOf(() => addon.createNetwork(nodes)).code).toBe(code);
  });

  it('are prepared, trained and packed with the network', async () => {
    const network = addon.createNetwork(attentionNetwork({ quantizer: allOperands(4) }));
    network.resetParameters(1);
    expect((await rejectionOf(network.evaluate(data, 'fakeQuant'))).code).toBe('E-LAYER-STATE');
    await network.prepare(data, data.count);
    const scale = (): number => {
      const target = new Float32Array(1);
      network.getParameter('attention.probabilitiesScale', target);
      return target[0] ?? 0;
    };
    const before = scale();
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(1);
    const untrained = await network.evaluate(data, 'packed');
    const session = addon.createSession(network, data, data, sessionOptions({ epochs: 12 }));
    session.start();
    expect(await session.done).toBe('finished');
    const trained = await network.evaluate(data, 'packed');
    expect(scale()).not.toBe(before);
    expect(trained.loss).toBeLessThan(untrained.loss);
    const fake = await network.evaluate(data, 'fakeQuant');
    expect(Math.abs(trained.loss - fake.loss)).toBeLessThan(0.01);
  });

  it('take a scale from elsewhere, positive and finite', () => {
    const network = addon.createNetwork(productNetwork({ quantizer: { a: operand(4) } }));
    network.setParameter('gram.aScale', Float32Array.of(0.25));
    const target = new Float32Array(1);
    network.getParameter('gram.aScale', target);
    expect(target[0]).toBe(0.25);
    for (const [value, code] of [
      [0, 'E-NATIVE-ARGUMENT'],
      [-1, 'E-NATIVE-ARGUMENT'],
      [Number.NaN, 'E-WEIGHT-NOT-FINITE'],
    ] as const) {
      const call = () => network.setParameter('gram.aScale', Float32Array.of(value));
      expect(errorOf(call).code).toBe(code);
    }
    network.getParameter('gram.aScale', target);
    expect(target[0]).toBe(0.25);
  });
});
