/** An input shift that is set on a layer, not named by its file: trained, resumed, saved, exported and proven. */
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { defaultLayerConfig, type Graph, type LayerConfig, shiftsInput } from '../contract/index.js';
import { openSafetensors, readFloat32 } from '../formats/index.js';
import { planNetwork } from './network-plan.js';
import { endedRun, makeSmallProject, projectOf, shortTraining, type TestEngine } from './test-support.js';

let test: TestEngine;
beforeAll(async () => {
  test = await makeSmallProject();
});
afterAll(() => test.end());

const layer = 'fc2.weight';
const shift = 'fc2.channel_shift';
const { weight, activation } = defaultLayerConfig;
const shifting: LayerConfig = { weight, activation: { ...activation, bits: 2, inputShift: true } };
const floats: LayerConfig = { weight, activation: { ...activation, bits: 32 } };
beforeEach(() =>
  test.engine.project.configure({
    changes: { 'fc1.weight': floats, 'fc3.weight': floats, [layer]: shifting },
  }),
);

const training = { ...shortTraining, learningRate: 0.01, epochs: 3 };

async function trained() {
  const { id } = await test.engine.runs.start({ name: null, training });
  const { run } = await test.waitFor(endedRun(id));
  expect(run.error).toBeNull();
  const weights = await openSafetensors(projectOf(test).runs.paths(id).weights);
  return { id, weights };
}

describe('an input shift of the configuration', () => {
  it('is learned, the same twice, and the proven export has it', async () => {
    const first = await trained();
    const again = await trained();
    const learned = await readFloat32(first.weights, shift);
    expect(learned).toHaveLength(48);
    expect(learned.some((value) => value !== 0)).toBe(true);
    expect(await readFloat32(again.weights, shift)).toEqual(learned);
    expect(first.weights.tensors.has('fc1.channel_shift')).toBe(false);

    const path = join(test.folder, 'packed.safetensors');
    const record = await test.engine.exports.write({ runId: first.id, path });
    expect(record.logits?.sameDecision).toBe(200);
    const file = await openSafetensors(path);
    expect(await readFloat32(file, shift)).toEqual(learned);
    const graph = JSON.parse(file.metadata.get('packed.graph') ?? '') as Graph;
    expect(graph.nodes.filter((node) => 'inputShift' in node)).toEqual([
      expect.objectContaining({ weight: layer, inputShift: shift }),
    ]);
  });

  it('survives reopening the project; the run’s weights open as a model that has it', async () => {
    const { weights } = await trained();
    const project = projectOf(test);
    const { folder } = project;
    await test.engine.project.close();
    await test.engine.project.openFolder({ path: folder });
    expect(projectOf(test).configOf(layer)).toEqual(shifting);
    const { graph } = projectOf(test).model.content;
    expect(graph?.nodes.some((node) => 'inputShift' in node)).toBe(false);
    const stated = JSON.parse(weights.metadata.get('qat.graph') ?? '') as Graph;
    expect(stated.nodes).toContainEqual(expect.objectContaining({ weight: layer, inputShift: shift }));
  });

  it('is none in the export of an untrained model', async () => {
    await test.engine.layers.quantize({ layers: [layer] });
    const path = join(test.folder, 'untrained.safetensors');
    const record = await test.engine.exports.write({ runId: null, path });
    expect(record.logits?.sameDecision).toBe(200);
    expect((await openSafetensors(path)).tensors.has(shift)).toBe(false);
  });

  it('makes an automatic grid signed behind a ReLU, and is ignored where the input is float', () => {
    const { model } = projectOf(test);
    const { graph } = model.content;
    if (!graph) throw new Error('no graph');
    const plan = (config: LayerConfig) => planNetwork(graph, model.shapes, { [layer]: config });
    const grid = (config: LayerConfig) =>
      plan(config).layers.find((planned) => planned.layer === layer)?.activation.grid;
    expect(grid({ ...shifting, activation })).toBe('unsigned');
    expect(grid(shifting)).toBe('signed');
    const float = { ...shifting, activation: { ...shifting.activation, bits: 32 as const } };
    expect(shiftsInput(float.activation)).toBe(false);
    expect(plan(float).parameters.some(({ added }) => added)).toBe(false);
  });

  it('takes another name where the file has that one, and a grouped convolution has one of each channel', () => {
    const graph: Graph = {
      version: 1,
      input: { features: 64, shape: [4, 4, 4], mean: 0, std: 1 },
      classes: 2,
      nodes: [{ op: 'conv2d', weight: 'c.weight', bias: null, groups: 2 }],
    };
    const tensors = new Map([
      ['c.weight', { shape: [6, 2, 3, 3], isFloat: true }],
      ['c.channel_shift', { shape: [1], isFloat: true }],
    ]);
    const { parameters } = planNetwork(graph, tensors, { 'c.weight': shifting });
    expect(parameters).toContainEqual({
      parameter: 'c.inputShift',
      tensor: 'c.channel_shift_',
      shape: [4],
      added: true,
    });
  });
});
