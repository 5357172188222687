/** Every option of a training through the engine: it changes what is trained, and resumes to the same bits. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunSummary, TrainingConfig } from '../contract/index.js';
import { openSafetensors, readFloat32 } from '../formats/index.js';
import { sessionOptions } from './run-setup.js';
import {
  endedRun,
  makeTestEngine,
  shortTraining,
  type TestEngine,
  writeSmallDataset,
  writeSmallModel,
} from './test-support.js';

let test: TestEngine;
beforeEach(async () => {
  test = await makeTestEngine();
  const data = join(test.folder, 'data');
  await mkdir(data);
  await writeSmallDataset(data);
  await test.engine.project.openModel({ path: await writeSmallModel(join(test.folder, 'm.safetensors')) });
  await test.engine.project.openDataset({ path: data });
});
afterEach(() => test.end());

async function trained(changes: Partial<TrainingConfig>): Promise<{ run: RunSummary; weights: Buffer }> {
  const started = await test.engine.runs.start({ name: null, training: { ...shortTraining, ...changes } });
  const { run } = await test.waitFor(endedRun(started.id));
  expect(run.state, run.error?.message).toBe('finished');
  return { run, weights: await weightsOf(run) };
}

function runFolder(run: RunSummary): string {
  return join(test.folder, 'projects', 'm.safetensors', 'runs', run.id);
}

function weightsOf(run: RunSummary): Promise<Buffer> {
  return readFile(join(runFolder(run), 'weights.safetensors'));
}

/** Stopped after `step` steps at the earliest, and resumed to its end. */
async function interrupted(changes: Partial<TrainingConfig>, step: number): Promise<RunSummary> {
  const started = await test.engine.runs.start({ name: null, training: { ...shortTraining, ...changes } });
  await test.waitFor(
    (event): event is Extract<typeof event, { type: 'run.points' }> =>
      event.type === 'run.points' && event.runId === started.id && (event.steps.at(-1)?.step ?? 0) >= step,
  );
  await test.engine.runs.suspend();
  const suspended = (await test.waitFor(endedRun(started.id))).run;
  expect(suspended.state).toBe('interrupted');
  test.events.length = 0;
  await test.engine.runs.resume({ runId: started.id });
  const { run } = await test.waitFor(endedRun(started.id));
  expect(run.state, run.error?.message).toBe('finished');
  return run;
}

const options = {
  distillation: { loss: 'distillation', temperature: 2, teacherShare: 0.5 },
  'label smoothing': { labelSmoothing: 0.2 },
  'gradient bits': { gradientBits: 4 },
  dampening: { dampening: 0.05 },
  'a β₂ of its own': { beta2: 0.9 },
  'a start as float': { quantizeFromEpoch: 1.5 },
  freezing: { freezeThreshold: 0.02, freezeThresholdEnd: 0.005, learningRate: 0.02 },
} satisfies Record<string, Partial<TrainingConfig>>;

describe('options of a training', () => {
  it('each changes what is trained', async () => {
    const plain = await trained({});
    const { learningRate } = options.freezing;
    const others = { freezing: await trained({ learningRate }) } as Record<string, typeof plain>;
    for (const [name, changes] of Object.entries(options)) {
      const { weights } = others[name] ?? plain;
      expect((await trained(changes)).weights.equals(weights), name).toBe(false);
    }
  });

  it('figures of every step change no bit, and are recorded, shown and read again', async () => {
    const without = await trained({ diagnosticsEvery: 0 });
    const every = await trained({ diagnosticsEvery: 1 });
    expect(every.weights.equals(without.weights)).toBe(true);
    const { diagnostics } = await test.engine.runs.series({ runId: every.run.id, maxPoints: 1500 });
    expect(diagnostics.map((point) => point.step)).toEqual(Array.from({ length: 64 }, (_, i) => i + 1));
    const layers = diagnostics.at(-1)?.layers ?? [];
    expect(layers.map((layer) => layer.name)).toEqual(['fc1.weight', 'fc2.weight', 'fc3.weight']);
    for (const layer of layers) {
      expect(layer.weightScale).toBeGreaterThan(0);
      expect(layer.weightGradient).toBeGreaterThan(0);
      expect(layer.sqnrDb).toBeGreaterThan(5);
      expect(layer.frozenShare).toBeNull();
    }
    const shown = test.events.flatMap((event) =>
      event.type === 'run.points' && event.runId === every.run.id ? event.diagnostics : [],
    );
    expect(shown.at(-1)?.step).toBe(64);
    const old = await test.engine.runs.series({ runId: without.run.id, maxPoints: 1500 });
    expect(old.diagnostics).toEqual([]);
  });

  it('all together resume to the same bits', async () => {
    const all = {
      ...options.distillation,
      ...options['gradient bits'],
      ...options.dampening,
      ...options['a β₂ of its own'],
      diagnosticsEvery: 3,
    };
    const long = { ...all, ...options.freezing, quantizeFromEpoch: 1, epochs: 600 };
    const whole = await trained(long);
    const run = await interrupted(long, 20);
    expect((await weightsOf(run)).equals(whole.weights)).toBe(true);
    const [a, b] = await Promise.all(
      [run, whole.run].map(({ id }) => test.engine.runs.series({ runId: id, maxPoints: 1500 })),
    );
    expect(a?.diagnostics).toEqual(b?.diagnostics);
  });

  it('batch norm frozen from an epoch keeps the statistics of that epoch, and resumes to the same bits', async () => {
    const statistics = async (run: RunSummary) => {
      const file = await openSafetensors(join(runFolder(run), 'weights.safetensors'));
      return Promise.all(['bn1.mean', 'bn1.var'].map((name) => readFloat32(file, name)));
    };
    const start = [new Float32Array(48), new Float32Array(48).fill(1)];
    const constant = { schedule: 'constant' } as const;
    const short = await trained({ ...constant, epochs: 2 });
    const frozen = await trained({ ...constant, freezeNormFromEpoch: 2 });
    const moving = await trained(constant);
    // Until then they move; after it not by a bit, while the weights go on.
    expect(await statistics(short.run)).not.toEqual(start);
    expect(await statistics(frozen.run)).toEqual(await statistics(short.run));
    expect(await statistics(moving.run)).not.toEqual(await statistics(short.run));
    expect(frozen.weights.equals(short.weights)).toBe(false);
    expect(frozen.weights.equals(moving.weights)).toBe(false);

    const long = { ...constant, epochs: 600, freezeNormFromEpoch: 2 };
    const whole = await trained(long);
    expect(await statistics(whole.run)).toEqual(await statistics(short.run));
    const resumed = await interrupted(long, 3 * 16);
    expect((await weightsOf(resumed)).equals(whole.weights)).toBe(true);
  });

  it('epochs become steps, and long trainings of many layers record fewer figures', () => {
    const training = { ...shortTraining, batchSize: 50, epochs: 4, diagnosticsEvery: 1 };
    const given = { ...training, warmupEpochs: 0.5, quantizeFromEpoch: 1.5, freezeNormFromEpoch: 3 };
    expect(sessionOptions(given, 800, 3)).toMatchObject({
      warmupSteps: 8,
      quantizeFromStep: 24,
      freezeNormFromStep: 48,
      diagnosticsEvery: 1,
    });
    // 2 steps an epoch: 3.9 epochs round to all 8 steps.
    const late = { ...training, batchSize: 400, quantizeFromEpoch: 3.9 };
    expect(sessionOptions(late, 800, 3)).toMatchObject({ quantizeFromStep: 7 });
    expect(sessionOptions(training, 800, 3)).not.toHaveProperty('freezeNormFromStep');
    expect(sessionOptions({ ...training, epochs: 10_000 }, 800, 100).diagnosticsEvery).toBe(16);
    expect(sessionOptions({ ...training, diagnosticsEvery: 0 }, 800, 100).diagnosticsEvery).toBe(0);
  });
});
