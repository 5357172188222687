import { describe, expect, it } from 'vitest';
import { defaultLayerConfig, type Graph } from '../contract/index.js';
import { baseName, graphLayers, parseGraph, type TensorShape } from './graph.js';
import { planNetwork } from './network-plan.js';

const shapes = new Map<string, TensorShape>([
  ['a.weight', { shape: [6, 4], isFloat: true }],
  ['a.bias', { shape: [6], isFloat: true }],
  ['b.weight', { shape: [3, 6], isFloat: true }],
  ['ids', { shape: [6], isFloat: false }],
  ['conv.weight', { shape: [6, 2, 2], isFloat: true }],
]);
const graph: Graph = {
  version: 1,
  input: { features: 4, mean: 0, std: 1 },
  classes: 3,
  nodes: [
    { op: 'linear', weight: 'a.weight', bias: 'a.bias' },
    { op: 'relu' },
    { op: 'linear', weight: 'b.weight', bias: null },
  ],
};

function refusal(change: (draft: Graph) => unknown): string {
  const draft = structuredClone(graph);
  const value = change(draft);
  try {
    parseGraph('m.safetensors', JSON.stringify(value), shapes);
  } catch (thrown) {
    return (thrown as Error).message;
  }
  return 'accepted';
}

describe('the network graph of a model file', () => {
  it('accepts one that fits and lists its layers in order', () => {
    expect(graphLayers(parseGraph('m', JSON.stringify(graph), shapes))).toEqual(['a.weight', 'b.weight']);
  });

  it('refuses text that is no JSON, another version, and unknown operations', () => {
    expect(() => parseGraph('m', '{', shapes)).toThrow(/not valid JSON/);
    expect(refusal((draft) => ({ ...draft, version: 2 }))).toMatch(/version/);
    expect(refusal((draft) => ({ ...draft, nodes: [{ op: 'conv' }] }))).toMatch(/node 0 is "conv"; linear/);
    expect(refusal((draft) => ({ ...draft, nodes: [{ op: 'relu', x: 1 }] }))).toMatch(/nodes\.0/);
  });

  it('names the tensor that is missing, of the wrong shape, not float, or used twice', () => {
    const withNode = (node: object) =>
      refusal((draft) => ({ ...draft, nodes: [node, ...draft.nodes.slice(1)] }));
    expect(withNode({ op: 'linear', weight: 'gone', bias: null })).toMatch(/not in the file: node 0: gone/);
    expect(withNode({ op: 'linear', weight: 'conv.weight', bias: null })).toMatch(
      /\[6, 2, 2\], not \[any, 4\]/,
    );
    expect(withNode({ op: 'linear', weight: 'a.weight', bias: 'ids' })).toMatch(/not floating point.*ids/);
    expect(refusal((draft) => ({ ...draft, nodes: [...draft.nodes, draft.nodes[2]] }))).toMatch(/twice/);
  });

  it('refuses a last layer that does not give the classes, and a ReLU at the start', () => {
    expect(refusal((draft) => ({ ...draft, classes: 5 }))).toMatch(/3 outputs but states 5 classes/);
    expect(refusal((draft) => ({ ...draft, nodes: [{ op: 'relu' }, ...draft.nodes] }))).toMatch(
      /begins with/,
    );
  });
});

describe('the plan of a network', () => {
  it('resolves auto activations to signed for images and unsigned behind a ReLU', () => {
    const configuration = { 'a.weight': defaultLayerConfig, 'b.weight': defaultLayerConfig };
    const plan = planNetwork(graph, shapes, configuration);
    const grids = plan.nodes.flatMap((node) => (node.op === 'linear' ? node.activation.grid : []));
    expect(grids).toEqual(['signed', 'unsigned']);
  });

  it('keeps layers without a configuration float and maps parameters to tensors', () => {
    const plan = planNetwork(graph, shapes, {});
    expect(plan.layers.map((layer) => layer.config.weight.bits)).toEqual([32, 32]);
    expect(plan.parameters).toEqual([
      { parameter: 'a.weight', tensor: 'a.weight', shape: [6, 4] },
      { parameter: 'a.bias', tensor: 'a.bias', shape: [6] },
      { parameter: 'b.weight', tensor: 'b.weight', shape: [3, 6] },
    ]);
  });

  it('gives two layers that would share a name different ones', () => {
    const twins = new Map<string, TensorShape>([
      ['a', { shape: [4, 4], isFloat: true }],
      ['a.weight', { shape: [3, 4], isFloat: true }],
    ]);
    const nodes: Graph['nodes'] = [
      { op: 'linear', weight: 'a', bias: null },
      { op: 'linear', weight: 'a.weight', bias: null },
    ];
    const plan = planNetwork({ ...graph, nodes }, twins, {});
    expect(new Set(plan.layers.map((layer) => layer.node)).size).toBe(2);
  });

  it('shortens only names that end in .weight', () => {
    expect([baseName('fc1.weight'), baseName('.weight'), baseName('embed')]).toEqual([
      'fc1',
      '.weight',
      'embed',
    ]);
  });
});
