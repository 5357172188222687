/** Each way to decode a code or an input that a method brings: trained, exported, proven, and decoded by hand. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultLayerConfig, type LayerConfig, legalActivation, legalWeight } from '../contract/index.js';
import { openSafetensors, readFloat32, readTensorBytes } from '../formats/index.js';
import {
  endedRun,
  makeTestEngine,
  shortTraining,
  type TestEngine,
  testAddon,
  writeSmallDataset,
  writeSmallModel,
} from './test-support.js';

let test: TestEngine;
beforeAll(async () => {
  test = await makeTestEngine();
  await mkdir(join(test.folder, 'data'));
  await writeSmallDataset(join(test.folder, 'data'));
  await test.engine.project.openModel({ path: await writeSmallModel(join(test.folder, 'm.safetensors')) });
  await test.engine.project.openDataset({ path: join(test.folder, 'data') });
});
afterAll(() => test.end());

const floatActivation = { ...defaultLayerConfig.activation, bits: 32 as const };
const layer = 'fc2.weight';

/** Trains with fc2 configured so, exports, and gives the proven file; the proof ran or this throws. */
async function trainedFile(name: string, config: LayerConfig) {
  const { engine } = test;
  const other = { weight: defaultLayerConfig.weight, activation: floatActivation };
  const changes = { 'fc1.weight': other, 'fc3.weight': other, [layer]: config };
  await engine.project.configure({ changes });
  const { id } = await engine.runs.start({ name, training: { ...shortTraining, epochs: 2 } });
  const ended = await test.waitFor(endedRun(id));
  expect(ended.run.error).toBeNull();
  const path = join(test.folder, `${name}.safetensors`);
  const record = await engine.exports.write({ runId: id, path });
  expect(record.logits?.images).toBe(200);
  expect(record.logits?.sameDecision).toBe(200);
  const trained = await openSafetensors(join(runFolder(id), 'weights.safetensors'));
  return { file: await openSafetensors(path), trained, accuracy: ended.run.result?.accuracyAfter ?? 0 };
}

function runFolder(id: string): string {
  const project = test.engine.project.open;
  if (!project) throw new Error('no project');
  return join(project.runs.paths(id).weights, '..');
}

describe('an export of', () => {
  it('a trained ternary TTQ weight holds both levels, and the three codes decode to them', async () => {
    const weight = legalWeight(defaultLayerConfig.weight, { method: 'ttq' });
    const { file, trained, accuracy } = await trainedFile('ttq', { weight, activation: floatActivation });
    const plus = await readFloat32(file, 'fc2.scales');
    const minus = await readFloat32(file, 'fc2.negative_scales');
    expect(minus).toHaveLength(32);
    expect(plus).not.toEqual(minus);
    expect(file.tensors.has('fc2.thresholds')).toBe(false);
    expect(file.metadata.get('format_version')).toBe('2');
    // What was trained: the float weight against the thresholds that its run kept.
    const float = await readFloat32(trained, layer);
    const thresholds = await readFloat32(trained, `${layer}/thresholds`);
    expect(await readFloat32(trained, `${layer}/negative_scales`)).toEqual(minus);
    const codes = testAddon().unpackCodes(await readTensorBytes(file, 'fc2.qweight'), 32, 48, 2);
    codes.forEach((stored, index) => {
      const row = Math.floor(index / 48);
      const w = float[index] ?? 0;
      const delta = thresholds[row] ?? 0;
      expect(stored - 1, `code ${index}`).toBe(w > delta ? 1 : w < -delta ? -1 : 0);
    });
    expect(accuracy).toBeGreaterThan(0.9);
  });

  it('a trained mid-rise DoReFa weight has levels from −1 to 1 and none at zero', async () => {
    const weight = legalWeight({ ...defaultLayerConfig.weight, bits: 2 }, { method: 'dorefa' });
    const { file } = await trainedFile('dorefa', { weight, activation: floatActivation });
    const [scale = 0] = await readFloat32(file, 'fc2.scales');
    expect(scale).toBeCloseTo(2 / 3, 6);
    const codes = testAddon().unpackCodes(await readTensorBytes(file, 'fc2.qweight'), 32, 48, 2);
    const levels = new Set([...codes].map((stored) => ((stored - 2 + 0.5) * scale).toFixed(4)));
    expect([...levels].sort()).toEqual(['-0.3333', '-1.0000', '0.3333', '1.0000']);
  });

  it('an LSQ+ input holds its shift, which training moved', async () => {
    const activation = legalActivation(defaultLayerConfig.activation, { method: 'lsqPlus', grid: 'signed' });
    const { file, trained } = await trainedFile('lsqplus', { weight: defaultLayerConfig.weight, activation });
    const [shift = 0] = await readFloat32(file, 'fc2.input_shift');
    expect(shift).not.toBe(0);
    expect(await readFloat32(trained, `${layer}/input_shift`)).toEqual(Float32Array.of(shift));
    expect(file.tensors.has('fc1.input_shift')).toBe(false);
  });

  it('PACT and DoReFa inputs and an IR-Net weight holds', async () => {
    for (const method of ['pact', 'dorefa'] as const) {
      const activation = legalActivation(defaultLayerConfig.activation, { method });
      await trainedFile(`${method}-input`, { weight: defaultLayerConfig.weight, activation });
    }
    const weight = legalWeight(defaultLayerConfig.weight, { method: 'irnet' });
    const { file } = await trainedFile('irnet', { weight, activation: floatActivation });
    for (const scale of await readFloat32(file, 'fc2.scales')) expect(Math.log2(scale) % 1).toBe(0);
  });
});

describe('scales of a layer of the model', () => {
  it('keep their thresholds and negative scales in the project, quantized and exported', async () => {
    const weight = legalWeight(defaultLayerConfig.weight, { method: 'ttq' });
    const { engine } = test;
    await engine.project.configure({ changes: { [layer]: { weight, activation: floatActivation } } });
    await engine.layers.prepare({ layers: [layer] });
    const project = engine.project.open;
    const prepared = await project?.layerStates.get(layer, weight);
    expect(prepared?.thresholds).toHaveLength(32);
    expect(prepared?.negativeScales).toHaveLength(32);
    await engine.layers.quantize({ layers: [layer] });
    const quantized = await project?.layerStates.get(layer, weight);
    expect(quantized?.thresholds).toEqual(prepared?.thresholds);
    expect(quantized?.negativeScales).toEqual(prepared?.negativeScales);
    const path = join(test.folder, 'model.safetensors');
    const record = await engine.exports.write({ runId: null, path });
    expect(record.logits?.sameDecision).toBe(200);
    expect(await readFloat32(await openSafetensors(path), 'fc2.negative_scales')).toEqual(
      prepared?.negativeScales,
    );
  });
});
