import { describe, expect, it } from 'vitest';
import { defaultLayerConfig, type Graph } from '../contract/index.js';
import { baseName, graphLayers, parseGraph, type TensorShape } from './graph.js';
import { planNetwork } from './network-plan.js';
import { testAddon } from './test-support.js';

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

/** [1, 8, 8] → conv → relu → max pool → residual convolution → flatten → linear. */
const cnnShapes = new Map<string, TensorShape>(
  Object.entries({
    'c1.weight': [4, 1, 3, 3],
    'c1.bias': [4],
    'c2.weight': [4, 2, 3, 3],
    slope: [4],
    'fc.weight': [3, 64],
    'n.gamma': [64],
    'n.beta': [64],
  }).map(([name, shape]) => [name, { shape, isFloat: true }]),
);
const cnn: Graph = {
  version: 1,
  input: { features: 64, shape: [1, 8, 8], mean: 0, std: 1 },
  classes: 3,
  nodes: [
    { op: 'conv2d', weight: 'c1.weight', bias: 'c1.bias', padding: 1 },
    { op: 'relu' },
    { op: 'maxPool2d', name: 'pool', kernel: 2 },
    { op: 'conv2d', name: 'branch', weight: 'c2.weight', bias: null, padding: 1, groups: 2 },
    { op: 'prelu', name: 'act', slope: 'slope' },
    { op: 'add', inputs: ['pool', 'act'] },
    { op: 'flatten' },
    { op: 'layerNorm', gamma: 'n.gamma', beta: 'n.beta' },
    { op: 'dropout', rate: 0.1 },
    { op: 'linear', weight: 'fc.weight', bias: null },
  ],
};

/** Why the convolutional graph with one node replaced is refused. */
function cnnRefusal(index: number, node: object, input: object = cnn.input): string {
  const nodes = cnn.nodes.map((old, at) => (at === index ? node : old));
  try {
    parseGraph('m', JSON.stringify({ ...cnn, input, nodes }), cnnShapes);
  } catch (thrown) {
    return (thrown as Error).message;
  }
  return 'accepted';
}

describe('the graph of a convolutional network', () => {
  it('is accepted, its convolutions being layers', () => {
    expect(graphLayers(parseGraph('m', JSON.stringify(cnn), cnnShapes))).toEqual([
      'c1.weight',
      'c2.weight',
      'fc.weight',
    ]);
  });

  it('is refused with the node and the shapes where something does not fit', () => {
    const conv = { op: 'conv2d', weight: 'c1.weight', bias: null };
    expect(cnnRefusal(0, cnn.nodes[0] ?? {}, { ...cnn.input, shape: [1, 8, 9] })).toMatch(
      /input of shape \[1, 8, 9\] and 64 features/,
    );
    expect(cnnRefusal(0, cnn.nodes[0] ?? {}, { features: 64, mean: 0, std: 1 })).toMatch(
      /node 0, conv2d, takes channels × height × width and gets \[64\]/,
    );
    expect(cnnRefusal(0, { ...conv, dilation: 4 })).toMatch(/window of node 0 is larger than its input/);
    expect(cnnRefusal(0, { ...conv, groups: 2 })).toMatch(/1 channels into 2 groups/);
    expect(cnnRefusal(3, { ...conv, name: 'branch' })).toMatch(/uses a tensor twice/);
    expect(cnnRefusal(3, { ...(cnn.nodes[3] as object), padding: 0 })).toMatch(
      /node 5 adds \[4, 4, 4\] and \[4, 2, 2\]/,
    );
    expect(cnnRefusal(6, { op: 'relu' })).toMatch(/layerNorm, takes features or tokens × features/);
    expect(cnnRefusal(2, { op: 'maxPool2d', name: 'pool', kernel: 9 })).toMatch(/window of node 2/);
    expect(cnnRefusal(9, { op: 'flatten' })).toMatch(/64 outputs but states 3 classes/);
  });

  it('is refused when a name is unknown, later or used twice', () => {
    const add = (inputs: string[]) => cnnRefusal(5, { op: 'add', inputs });
    expect(add(['pool', 'nowhere'])).toMatch(/node 5 from "nowhere"/);
    expect(add(['pool', 'pool', 'pool'])).toMatch(/nodes\.5/);
    expect(cnnRefusal(4, { op: 'prelu', name: 'pool', slope: 'slope' })).toMatch(/twice: node 4 is "pool"/);
  });

  it('divides attention among heads, and takes tokens from one node three times', () => {
    const tensors = new Map<string, TensorShape>(
      ['e', 'q', 'k', 'v'].map((name) => [name, { shape: [8, 8], isFloat: true }]),
    );
    tensors.set('out', { shape: [3, 64], isFloat: true });
    const layer = (name: string, inputs: object = { inputs: ['e'] }) => ({
      op: 'linear',
      name,
      weight: name,
      bias: null,
      ...inputs,
    });
    const attention = { op: 'attention', inputs: ['q', 'k', 'v'], heads: 2 };
    const read = (heads: number) =>
      parseGraph(
        'm',
        JSON.stringify({
          version: 1,
          input: { features: 64, shape: [8, 8], mean: 0, std: 1 },
          classes: 3,
          nodes: [
            layer('e', {}),
            layer('q'),
            layer('k'),
            layer('v'),
            { ...attention, heads },
            { op: 'flatten' },
            { op: 'linear', weight: 'out', bias: null },
          ],
        }),
        tensors,
      );
    const plan = planNetwork(read(2), tensors, {});
    expect(() => testAddon().createNetwork(plan.nodes).dispose()).not.toThrow();
    expect(() => read(3)).toThrow(/divides 8 features among 3 heads/);
  });
});

describe('what may stand beside the layers', () => {
  const tensors = new Map<string, TensorShape>(
    Object.entries({ w: [4, 6], shift: [6], out: [3, 20] }).map(([name, shape]) => [
      name,
      { shape, isFloat: true },
    ]),
  );
  const product = (right: string, transposed: boolean, shift = 'shift') => ({
    version: 1,
    input: { features: 30, shape: [5, 6], name: 'x', mean: 0, std: 1 },
    classes: 3,
    nodes: [
      { op: 'linear', name: 'a', weight: 'w', bias: null, inputShift: shift },
      { op: 'matmul', inputs: ['x', right], transposed },
      { op: 'relu', name: 'y' },
      { op: 'linear', name: 'b', weight: 'out', bias: null },
    ],
  });
  const read = (value: object) => parseGraph('m', JSON.stringify(value), tensors);

  it('multiplies what two nodes give, one of them the named input, and says what does not fit', () => {
    expect(() => read(product('a', false))).toThrow(/node 1 multiplies \[5, 6\] by \[5, 4\]/);
    expect(() => read(product('a', true))).toThrow(/by \[5, 4\] transposed/);
    expect(() => read(product('x', false))).toThrow(/multiplies \[5, 6\] by \[5, 6\]\./);
    expect(() => read(product('x', true))).toThrow(/\[3, 20\], not \[any, 5\]/);
  });

  it('refuses a shift of another size, and a node that has the name of the input', () => {
    expect(() => read(product('x', true, 'out'))).toThrow(/out is \[3, 20\], not \[6\]/);
    const graph = product('x', true);
    const again = { ...graph, nodes: [{ op: 'gelu', name: 'x' }, ...graph.nodes] };
    expect(() => read(again)).toThrow(/twice: node 0 is "x"/);
  });

  it('binds the shift, and lets a shifted input be signed behind a ReLU', () => {
    const shapes = new Map<string, TensorShape>(
      Object.entries({ u: [6, 6], w: [4, 6], s: [6], v: [3, 4] }).map(([name, shape]) => [
        name,
        { shape, isFloat: true },
      ]),
    );
    const nodes = [
      { op: 'linear', name: 'first', weight: 'u', bias: null },
      { op: 'add', inputs: ['x', 'first'] },
      { op: 'relu' },
      { op: 'linear', name: 'a', weight: 'w', bias: null, inputShift: 's' },
      { op: 'relu' },
      { op: 'linear', name: 'b', weight: 'v', bias: null },
    ];
    const input = { features: 6, name: 'x', mean: 0, std: 1 };
    const text = JSON.stringify({ version: 1, input, classes: 3, nodes });
    const configuration = Object.fromEntries(['u', 'w', 'v'].map((layer) => [layer, defaultLayerConfig]));
    const plan = planNetwork(parseGraph('m', text, shapes), shapes, configuration);
    expect(plan.layers.map(({ activation }) => activation.grid)).toEqual(['signed', 'signed', 'unsigned']);
    expect(plan.parameters).toContainEqual({
      parameter: 'a.inputShift',
      tensor: 's',
      shape: [6],
      added: false,
    });
    const network = testAddon().createNetwork(plan.nodes);
    network.setParameter('a.inputShift', Float32Array.of(1, 2, 3, 4, 5, 6));
    network.dispose();
  });
});

describe('the plan of a network', () => {
  it('resolves auto activations to signed for images and unsigned behind a ReLU', () => {
    const configuration = { 'a.weight': defaultLayerConfig, 'b.weight': defaultLayerConfig };
    const plan = planNetwork(graph, shapes, configuration);
    const grids = plan.nodes.flatMap((node) => (node.op === 'linear' ? node.activation.grid : []));
    expect(grids).toEqual(['signed', 'unsigned']);
  });

  it('knows that nothing below zero arrives through pooling, but through a PReLU it does', () => {
    const configuration = Object.fromEntries(graphLayers(cnn).map((layer) => [layer, defaultLayerConfig]));
    const plan = planNetwork(cnn, cnnShapes, configuration);
    expect(plan.layers.map(({ activation }) => activation.grid)).toEqual(['signed', 'unsigned', 'signed']);
    expect(plan.layers.map(({ rows, cols }) => [rows, cols])).toEqual([
      [4, 9],
      [4, 18],
      [3, 64],
    ]);
    const network = testAddon().createNetwork(plan.nodes);
    const { parameters } = plan;
    expect(network.parameters().map(({ name }) => name)).toEqual(
      parameters.map(({ parameter }) => parameter),
    );
    network.dispose();
  });

  it('keeps layers without a configuration float and maps parameters to tensors', () => {
    const plan = planNetwork(graph, shapes, {});
    expect(plan.layers.map((layer) => layer.config.weight.bits)).toEqual([32, 32]);
    expect(plan.parameters).toEqual([
      { parameter: 'a.weight', tensor: 'a.weight', shape: [6, 4], added: false },
      { parameter: 'a.bias', tensor: 'a.bias', shape: [6], added: false },
      { parameter: 'b.weight', tensor: 'b.weight', shape: [3, 6], added: false },
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
