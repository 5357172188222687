/** Training through the engine: the whole loop, pause, cancel, suspend and exact resume. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  defaultLayerConfig,
  optimizers,
  type RunSummary,
  runSeriesSchema,
  runSummarySchema,
  type TrainingConfig,
} from '../contract/index.js';
import {
  endedRun,
  makeTestEngine,
  shortTraining,
  type TestEngine,
  withMemoryDisk,
  writeSmallDataset,
  writeSmallModel,
} from './test-support.js';

/** Long enough to be caught in the middle. */
const longTraining: TrainingConfig = { ...shortTraining, epochs: 5000, schedule: 'constant' };

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

const start = (training: TrainingConfig = shortTraining) => test.engine.runs.start({ name: null, training });
const ended = async (run: RunSummary): Promise<RunSummary> => (await test.waitFor(endedRun(run.id))).run;

function weightsPath(run: RunSummary): string {
  return join(test.folder, 'projects', 'm.safetensors', 'runs', run.id, 'weights.safetensors');
}

async function stepsReached(run: RunSummary, steps: number): Promise<void> {
  await test.waitFor(
    (event): event is Extract<typeof event, { type: 'run.points' }> =>
      event.type === 'run.points' && event.runId === run.id && (event.steps.at(-1)?.step ?? 0) >= steps,
  );
}

describe('a training', () => {
  it('runs to the end, learns, and records every step', async () => {
    const run = await start();
    expect(run).toMatchObject({ name: 'W4A4', state: 'running', progress: { stepsTotal: 64 } });
    const done = runSummarySchema.parse(await ended(run));
    expect(done.state).toBe('finished');
    expect(done.result?.accuracyAfter).toBeGreaterThan(0.9);
    expect(done.result?.accuracyBefore).toBeLessThan(0.7);
    expect(done.result?.effectiveBits).toBeGreaterThan(4);
    expect(done.result?.effectiveBits).toBeLessThan(6);
    const series = runSeriesSchema.parse(await test.engine.runs.series({ runId: run.id, maxPoints: 1500 }));
    expect(series.steps.map((point) => point.step)).toEqual(Array.from({ length: 64 }, (_, i) => i + 1));
    expect(series.evaluations.map((point) => point.step)).toEqual([0, 16, 32, 48, 64]);
    expect(series.evaluations.at(-1)?.layers.map((layer) => layer.name)).toEqual([
      'fc1.weight',
      'fc2.weight',
      'fc3.weight',
    ]);
    expect(series.evaluations.at(-1)?.testAccuracy).toBe(done.result?.accuracyAfter);
  });

  it('shows no point before it is in the file', async () => {
    const run = await start();
    await ended(run);
    const series = await test.engine.runs.series({ runId: run.id, maxPoints: 1500 });
    const shown = test.events.flatMap((event) => (event.type === 'run.points' ? event.steps : []));
    expect(shown.length).toBeGreaterThan(0);
    const recorded = new Map(series.steps.map((point) => [point.step, point]));
    for (const point of shown) expect(recorded.get(point.step)).toEqual(point);
  });

  it('same configuration and seed give the same bits, another seed others', async () => {
    const files: Buffer[] = [];
    for (const seed of [3, 3, 4]) {
      const run = await start({ ...shortTraining, seed });
      await ended(run);
      files.push(await readFile(weightsPath(run)));
    }
    expect(files[0]?.equals(files[1] as Buffer)).toBe(true);
    expect(files[0]?.equals(files[2] as Buffer)).toBe(false);
  });

  it('its weights can be looked at while it trains and afterwards, by its own scales', async () => {
    const lens = { quantizer: defaultLayerConfig.weight, row: 0, range: null, drawnBins: 64 };
    const run = await start(longTraining);
    await stepsReached(run, 50);
    const live = await test.engine.layers.analyze({ source: { layer: 'fc2.weight', runId: run.id }, lens });
    expect(live.statistics.count).toBe(48);
    await test.engine.runs.cancel({ runId: run.id });
    const look = { source: { layer: 'fc2.weight', runId: run.id }, lens };
    const saved = await test.engine.layers.analyze(look);
    const model = await test.engine.layers.analyze({ source: { layer: 'fc2.weight', runId: null }, lens });
    expect(saved.statistics.mean).not.toBe(model.statistics.mean);
    const ofRun = await test.engine.layers.whatIf(look);
    const ofModel = await test.engine.layers.whatIf({ source: { layer: 'fc2.weight', runId: null }, lens });
    expect(ofRun.levels.scale).not.toBe(ofModel.levels.scale);
  });

  it('follows its schedule: warm-up, steps of the learning rate, with any optimizer', async () => {
    const settings = { schedule: 'step', stepEpochs: 2, stepFactor: 0.5, warmupEpochs: 1 } as const;
    for (const optimizer of optimizers) {
      const training = { ...shortTraining, ...settings, optimizer, gradientClip: 1, scaleRate: 0.5 };
      const run = await test.engine.runs.start({ name: null, training });
      const done = await ended(run);
      expect(done.state, done.error?.message).toBe('finished');
      const { steps } = await test.engine.runs.series({ runId: run.id, maxPoints: 1500 });
      const perEpoch = steps.length / training.epochs;
      const rates = steps.map(({ learningRate }) => learningRate / training.learningRate);
      expect(rates[0]).toBeCloseTo(1 / perEpoch, 9);
      expect(rates[perEpoch - 1]).toBeCloseTo(1, 9);
      expect(rates[2 * perEpoch - 1]).toBeCloseTo(1, 9);
      expect(rates[2 * perEpoch]).toBeCloseTo(0.5, 9);
    }
  });

  it('a second one is refused while the first has not ended', async () => {
    const run = await start(longTraining);
    await expect(start()).rejects.toMatchObject({ code: 'E-RUN-STATE' });
    await test.engine.runs.cancel({ runId: run.id });
    const second = await start();
    expect((await ended(second)).state).toBe('finished');
    expect(second.name).toBe('W4A4 2');
  });

  it('cancel ends it and keeps what was recorded', async () => {
    const run = await start(longTraining);
    await stepsReached(run, 20);
    const cancelled = await test.engine.runs.cancel({ runId: run.id });
    expect(cancelled).toMatchObject({ state: 'cancelled', result: null });
    const series = await test.engine.runs.series({ runId: run.id, maxPoints: 1500 });
    expect(series.steps.length).toBeGreaterThanOrEqual(20);
    await expect(test.engine.runs.resume({ runId: run.id })).rejects.toMatchObject({ code: 'E-RUN-STATE' });
  });

  it('pause holds it still, resume goes on, to the bits of a training that was never paused', async () => {
    const training = { ...shortTraining, epochs: 600 };
    const straight = await start(training);
    await ended(straight);
    const paused = await start(training);
    await stepsReached(paused, 30);
    expect((await test.engine.runs.pause({ runId: paused.id })).state).toBe('paused');
    await new Promise((done) => setTimeout(done, 150));
    const { project } = await test.engine.project.current();
    const still = project?.runs.find((run) => run.id === paused.id)?.progress.step;
    await new Promise((done) => setTimeout(done, 150));
    const later = (await test.engine.project.current()).project?.runs.find((run) => run.id === paused.id);
    expect(later).toMatchObject({ state: 'paused', progress: { step: still } });
    await test.engine.runs.resume({ runId: paused.id });
    expect((await ended(paused)).state).toBe('finished');
    expect((await readFile(weightsPath(paused))).equals(await readFile(weightsPath(straight)))).toBe(true);
  });

  it('closing suspends it; resumed another day it ends in the same bits', async () => {
    const training = { ...shortTraining, epochs: 600 };
    const straight = await start(training);
    await ended(straight);
    const run = await start(training);
    await stepsReached(run, 40);
    const { project } = await test.engine.project.current();
    await test.engine.project.close();
    const reopened = await test.engine.project.openFolder({ path: project?.folder ?? '' });
    const interrupted = reopened.runs.find((candidate) => candidate.id === run.id);
    expect(interrupted?.state).toBe('interrupted');
    test.events.length = 0;
    await test.engine.runs.resume({ runId: run.id });
    expect((await ended(run)).state).toBe('finished');
    expect((await readFile(weightsPath(run))).equals(await readFile(weightsPath(straight)))).toBe(true);
    const [a, b] = await Promise.all(
      [run, straight].map((one) => test.engine.runs.series({ runId: one.id, maxPoints: 1500 })),
    );
    expect(a?.steps).toEqual(b?.steps);
    expect(a?.evaluations).toEqual(b?.evaluations);
  });

  it('a paused one can be closed and resumed another day', async () => {
    const run = await start({ ...shortTraining, epochs: 600 });
    await stepsReached(run, 30);
    await test.engine.runs.pause({ runId: run.id });
    const { project } = await test.engine.project.current();
    await test.engine.project.close();
    const reopened = await test.engine.project.openFolder({ path: project?.folder ?? '' });
    expect(reopened.runs[0]).toMatchObject({ id: run.id, state: 'interrupted' });
    const lens = { quantizer: defaultLayerConfig.weight, row: null, range: null, drawnBins: 64 };
    const look = test.engine.layers.analyze({ source: { layer: 'fc1.weight', runId: run.id }, lens });
    await expect(look).rejects.toMatchObject({ code: 'E-RUN-STATE' });
    test.events.length = 0;
    expect((await test.engine.runs.resume({ runId: run.id })).progress.step).toBeGreaterThan(0);
    expect((await ended(run)).state).toBe('finished');
  });

  it('a disk that fills up interrupts it with E-DISK-FULL; with room again it goes on to the same bits', async (context) => {
    const training = { ...shortTraining, epochs: 1500 };
    const other = await makeTestEngine();
    const disk = join(other.folder, 'projects');
    await withMemoryDisk(context, disk, 'size=3m', async () => {
      try {
        await other.engine.project.openModel({ path: join(test.folder, 'm.safetensors') });
        await other.engine.project.openDataset({ path: join(test.folder, 'data') });
        const run = await other.engine.runs.start({ name: null, training });
        await writeFile(join(disk, 'filler'), Buffer.alloc(8 << 20)).catch(() => undefined);
        const interrupted = (await other.waitFor(endedRun(run.id))).run;
        expect(interrupted).toMatchObject({ state: 'interrupted', error: { code: 'E-DISK-FULL' } });
        await rm(join(disk, 'filler'));
        other.events.length = 0;
        await other.engine.runs.resume({ runId: run.id });
        expect((await other.waitFor(endedRun(run.id))).run).toMatchObject({ state: 'finished', error: null });
        const straight = await start(training);
        await ended(straight);
        const path = join(disk, 'm.safetensors', 'runs', run.id, 'weights.safetensors');
        expect((await readFile(path)).equals(await readFile(weightsPath(straight)))).toBe(true);
      } finally {
        await other.engine.dispose().catch(() => undefined);
      }
    });
    await other.end();
  });

  it('one that diverges fails with E-TRAINING-DIVERGED and the app goes on', async () => {
    const run = await start({
      ...shortTraining,
      optimizer: 'sgd',
      learningRate: 100,
      weightDecay: 10,
      epochs: 20,
    });
    const failed = await ended(run);
    expect(failed).toMatchObject({ state: 'failed', error: { code: 'E-TRAINING-DIVERGED' } });
    expect((await ended(await start())).state).toBe('finished');
  });

  it('can be renamed and deleted, also while it trains', async () => {
    const run = await start(longTraining);
    expect((await test.engine.runs.rename({ runId: run.id, name: 'Mine' })).name).toBe('Mine');
    const state = await test.engine.runs.delete({ runId: run.id });
    expect(state.runs).toEqual([]);
    await expect(test.engine.runs.series({ runId: run.id, maxPoints: 2 })).rejects.toMatchObject({
      code: 'E-RUN-UNKNOWN',
    });
  });
});
