/** The main job on the sample project, with the defaults a user gets: open, train, export, prove, reopen. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  applyPreset,
  defaultTrainingConfig,
  presets,
  projectStateSchema,
  type RunSummary,
} from '../contract/index.js';
import { endedRun, makeTestEngine, type TestEngine } from './test-support.js';

let test: TestEngine;
beforeAll(async () => {
  test = await makeTestEngine();
});
afterAll(() => test.end());

async function train(presetId: string): Promise<RunSummary> {
  const preset = presets.find((candidate) => candidate.id === presetId);
  if (!preset) throw new Error(`no preset ${presetId}`);
  const { project } = await test.engine.project.current();
  const changes = Object.fromEntries(
    (project?.model.layers ?? []).map((layer) => [layer.name, applyPreset(preset)]),
  );
  await test.engine.project.configure({ changes });
  const { id } = await test.engine.runs.start({ name: null, training: defaultTrainingConfig });
  return (await test.waitFor(endedRun(id))).run;
}

describe('the sample project', () => {
  it('opens with its model, data set and graph, and is found again', async () => {
    const state = projectStateSchema.parse(await test.engine.project.openSample());
    expect(state).toMatchObject({ sample: true, trainingReason: null, recovered: false });
    expect(state.model.layers.map((layer) => [layer.name, ...layer.shape])).toEqual([
      ['fc1.weight', 256, 784],
      ['fc2.weight', 256, 256],
      ['fc3.weight', 10, 256],
    ]);
    expect(state.dataset).toMatchObject({ trainCount: 12_000, testCount: 2_000, classes: 10 });
    await test.engine.project.close();
    expect((await test.engine.project.openSample()).id).toBe(state.id);
  });

  it.each([
    ['w8a8', 0.5, 8, 0.15],
    ['w4a4', 1, 4, 0.15],
    ['w2a4', 3, 2, 0.15],
    ['mpq4', 1, 4, 0.6],
    ['w1a32', 3, 1, 0.15],
  ])('%s ends within %f points of float and its export is proven', async (preset, points, bits, scales) => {
    const run = await train(preset);
    expect(run.state).toBe('finished');
    const { result } = run;
    if (!result) throw new Error('no result');
    expect(result.floatAccuracy).toBeGreaterThan(0.87);
    expect(result.floatAccuracy - result.accuracyAfter).toBeLessThanOrEqual(points / 100);
    expect(result.effectiveBits).toBeGreaterThan(bits);
    expect(result.effectiveBits).toBeLessThan(bits + scales);
    const record = await test.engine.exports.write({
      runId: run.id,
      path: join(test.folder, `${preset}.safetensors`),
    });
    expect(record.logits).toMatchObject({ images: 2000, sameDecision: 2000 });
    expect(Math.abs((record.logits?.accuracy ?? 0) - result.accuracyAfter)).toBeLessThan(0.001);
    expect((await test.engine.exports.verify({ path: record.path })).matches).toBe(true);
  });
});
