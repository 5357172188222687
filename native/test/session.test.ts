/** Training sessions through JavaScript: they learn, pause, resume, stop, and go on from a checkpoint. */
import { describe, expect, it } from 'vitest';
import type { Network, SessionOptions, SessionProgress, TrainingSession } from '../index.js';
import { errorOf, rejectionOf } from './expect-error.js';
import { createDataset, quantizer, randomFloats, sessionOptions, smallNetwork } from './fixtures.js';
import { loadAddon } from './load-addon.js';

const addon = loadAddon();
const train = createDataset(addon, 240, 8, 1);
const test = createDataset(addon, 100, 8, 2);

async function preparedNetwork(wBit = 4, aBit = 4): Promise<Network> {
  const network = addon.createNetwork(smallNetwork(wBit, aBit));
  network.resetParameters(7);
  await network.prepare(train, 64);
  return network;
}

async function createSession(changes: Partial<SessionOptions> = {}) {
  const network = await preparedNetwork();
  return { network, session: addon.createSession(network, train, test, sessionOptions(changes)) };
}

function parametersOf(network: Network): Record<string, number[]> {
  const result: Record<string, number[]> = {};
  for (const { name, rows, cols } of network.parameters()) {
    const target = new Float32Array(rows * cols);
    network.getParameter(name, target);
    result[name] = Array.from(target);
  }
  return result;
}

/** Drains until the session ended; everything it said. */
async function runToEnd(session: TrainingSession): Promise<SessionProgress> {
  const all: SessionProgress = session.drain();
  session.start();
  let ended = false;
  const done = session.done.then((state) => {
    ended = true;
    return state;
  });
  while (!ended) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    append(all, session.drain());
  }
  await done;
  append(all, session.drain());
  return all;
}

function append(all: SessionProgress, more: SessionProgress): void {
  all.steps.push(...more.steps);
  all.evaluations.push(...more.evaluations);
  Object.assign(all, { ...more, steps: all.steps, evaluations: all.evaluations });
}

/** Long enough that it cannot end before it is told to. */
const endless = { epochs: 100_000, learningRate: 1e-5, schedule: 'constant' } as const;

describe('a teacher', () => {
  async function taught(loss: 'distillation' | 'teacherMse') {
    const teacher = addon.createNetwork(smallNetwork(32, 32));
    teacher.resetParameters(70);
    await teacher.prepare(train, 64);
    const network = await preparedNetwork(4, 8);
    const before = await network.logits(test, 'fakeQuant');
    const options = sessionOptions({ loss, teacherShare: 1, epochs: 20 });
    const progress = await runToEnd(addon.createSession(network, train, test, options, teacher));
    expect(progress.error).toBeNull();
    return {
      wanted: await teacher.logits(test, 'fakeQuant'),
      before,
      after: await network.logits(test, 'fakeQuant'),
      last: progress.evaluations.at(-1),
    };
  }
  const meanSquare = (a: Float32Array, b: Float32Array) =>
    a.reduce((sum, value, i) => sum + (value - (b[i] ?? 0)) ** 2, 0) / a.length;

  it('gives its probabilities to a distilled student', async () => {
    const { wanted, before, after, last } = await taught('distillation');
    const margins = (logits: Float32Array) =>
      Float32Array.from({ length: 100 }, (_, i) => (logits[2 * i + 1] ?? 0) - (logits[2 * i] ?? 0));
    const distance = (logits: Float32Array) => meanSquare(margins(logits), margins(wanted));
    expect(distance(after)).toBeLessThan(distance(before) / 4);
    expect(last?.testAccuracy).toBeGreaterThan(0);
  });

  it('is all that counts where labels take no part', async () => {
    const { wanted, before, after, last } = await taught('teacherMse');
    expect(meanSquare(after, wanted)).toBeLessThan(meanSquare(before, wanted) / 4);
    expect(last).toMatchObject({
      testAccuracy: null,
      testLoss: expect.closeTo(meanSquare(after, wanted), 6),
    });
  });
});

describe('a convolutional network', () => {
  it('learns where the bright half of an image is, in integers too', async () => {
    const values = randomFloats(300 * 36, 5, 0.3);
    const labels = Uint8Array.from({ length: 300 }, (_, i) => i % 2);
    labels.forEach((label, i) => {
      for (let p = 0; p < 18; p++)
        values[i * 36 + label * 18 + p] = (values[i * 36 + label * 18 + p] ?? 0) + 1;
    });
    const data = addon.createDatasetFromFloats(values, labels, { count: 300, features: 36, classes: 2 });
    const layer = { bias: true, weight: quantizer(4), activation: activation(4) };
    const network = addon.createNetwork([
      { op: 'input', shape: [1, 6, 6] },
      { ...layer, op: 'conv2d', name: 'stem', inChannels: 1, outChannels: 4, kernel: 3, padding: 1 },
      { op: 'relu', name: 'act' },
      { ...layer, op: 'conv2d', name: 'body', inChannels: 4, outChannels: 4, kernel: 3, padding: 1 },
      { op: 'add', inputs: ['act', 'body'] },
      { op: 'maxPool2d', kernel: 2 },
      { op: 'flatten' },
      { ...layer, op: 'linear', name: 'head', inChannels: 36, outChannels: 2 },
    ]);
    network.resetParameters(3);
    await network.prepare(data, 100);
    const progress = await runToEnd(addon.createSession(network, data, data, sessionOptions({ epochs: 3 })));
    expect(progress.error).toBeNull();
    expect((await network.evaluate(data, 'fakeQuant')).accuracy).toBeGreaterThan(0.95);
    expect((await network.evaluate(data, 'packed')).accuracy).toBeGreaterThan(0.95);
  });
});

const activation = (bits: number) => ({ bits, grid: 'signed', range: 'mse', method: 'lsq' }) as const;

describe('a run', () => {
  it('learns, and reports every step and every evaluation once', async () => {
    const { network, session } = await createSession();
    const before = await network.evaluate(test, 'fakeQuant');
    const progress = await runToEnd(session);
    expect(progress.state).toBe('finished');
    expect(progress.error).toBeNull();
    expect(progress.stepsTotal).toBe(60);
    expect(progress.steps.map((point) => point.step)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    expect(progress.evaluations.map((point) => point.step)).toEqual([0, 15, 30, 45, 60]);
    expect(progress.evaluations[0]?.testAccuracy).toBeCloseTo(before.accuracy, 12);
    const layers = progress.evaluations.at(-1)?.layers.map((layer) => layer.name);
    expect(layers).toEqual(['fc0', 'fc1']);
    const after = await network.evaluate(test, 'fakeQuant');
    expect(after.accuracy).toBeGreaterThan(0.85);
    expect(after.accuracy).toBe(progress.evaluations.at(-1)?.testAccuracy);
    const packed = await network.evaluate(test, 'packed');
    expect(Math.abs(packed.accuracy - after.accuracy)).toBeLessThanOrEqual(0.01);
  });

  it('gives the same bits for the same seed and others for another', async () => {
    const results = [];
    for (const seed of [5, 5, 6]) {
      const { network, session } = await createSession({ seed });
      const { steps } = await runToEnd(session);
      results.push({ losses: steps.map((point) => point.loss), parameters: parametersOf(network) });
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]?.losses).not.toEqual(results[0]?.losses);
  });

  it('has the network for itself while it runs', async () => {
    const { network, session } = await createSession(endless);
    session.start();
    const target = new Float32Array(8 * 16);
    expect(errorOf(() => network.getParameter('fc0.weight', target)).code).toBe('E-RUN-STATE');
    expect((await rejectionOf(network.evaluate(test, 'fakeQuant'))).code).toBe('E-RUN-STATE');
    const other = addon.createNetwork(smallNetwork());
    expect(errorOf(() => addon.createSession(other, train, test, sessionOptions()).start()).code).toBe(
      'E-LAYER-STATE',
    );
    session.cancel();
    await session.done;
    network.getParameter('fc0.weight', target);
  });
});

describe('control', () => {
  it('cancel is answered within 250 ms', async () => {
    const { session } = await createSession(endless);
    session.start();
    await new Promise((resolve) => setTimeout(resolve, 30));
    const asked = performance.now();
    session.cancel();
    expect(await session.done).toBe('cancelled');
    expect(performance.now() - asked).toBeLessThan(250);
    expect(session.drain().state).toBe('cancelled');
    expect(errorOf(() => session.start()).code).toBe('E-RUN-STATE');
  });

  it('a full ring makes it wait, not lose points', async () => {
    const { session } = await createSession(endless);
    session.start();
    await new Promise((resolve) => setTimeout(resolve, 400));
    session.pause();
    const seen: number[] = [];
    const deadline = performance.now() + 5000;
    for (let state = ''; state !== 'paused' && performance.now() < deadline; ) {
      const progress = session.drain();
      state = progress.state;
      seen.push(...progress.steps.map((point) => point.step));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    seen.push(...session.drain().steps.map((point) => point.step));
    expect(seen).toEqual(Array.from({ length: seen.length }, (_, i) => i + 1));
    session.cancel();
    await session.done;
  });

  it('pause holds the step count, resume goes on', async () => {
    const { session } = await createSession(endless);
    session.start();
    session.pause();
    await expect.poll(() => session.drain().state).toBe('paused');
    const { step } = session.drain();
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(session.drain().step).toBe(step);
    session.resume();
    await expect.poll(() => session.drain().step).toBeGreaterThan(step);
    session.cancel();
    await session.done;
  });

  it('refuses what an idle session cannot do', async () => {
    const { session } = await createSession();
    expect(errorOf(() => session.pause()).code).toBe('E-RUN-STATE');
    expect(errorOf(() => session.resume()).code).toBe('E-RUN-STATE');
    session.cancel();
    expect(await session.done).toBe('cancelled');
  });

  it('a session that diverges ends failed and says why', async () => {
    const { session } = await createSession({ optimizer: 'sgd', learningRate: 1e6, momentum: 0.99 });
    const progress = await runToEnd(session);
    expect(progress.state).toBe('failed');
    expect(progress.error).toMatchObject({ code: 'E-TRAINING-DIVERGED' });
  });
});

describe('snapshots and checkpoints', () => {
  it('snapshots can be read while it runs', async () => {
    const { session } = await createSession(endless);
    session.start();
    const tensor = session.snapshotTensor('fc0.weight');
    expect([tensor.rows, tensor.cols]).toEqual([16, 8]);
    const scales = session.snapshotScales('fc0');
    expect(scales.scales).toHaveLength(16);
    expect(scales.scales.every((scale) => scale > 0)).toBe(true);
    expect(errorOf(() => session.snapshotTensor('fc9.weight')).code).toBe('E-LAYER-UNKNOWN');
    session.cancel();
    await session.done;
  });

  it('a run resumed from a checkpoint ends with the same bits', async () => {
    const whole = await createSession();
    const { steps: allSteps } = await runToEnd(whole.session);

    const first = await createSession();
    first.session.start();
    first.session.pause();
    await expect.poll(() => first.session.drain().state).toBe('paused');
    const checkpoint = await first.session.checkpoint();
    first.session.dispose();
    expect(await first.session.done).toBe('cancelled');

    const second = await createSession();
    second.session.restore(checkpoint);
    const { steps } = await runToEnd(second.session);
    expect(steps).toEqual(allSteps.slice(allSteps.length - steps.length));
    expect(parametersOf(second.network)).toEqual(parametersOf(whole.network));
  });

  it('refuses damaged checkpoints and those of another run, and stays as it was', async () => {
    const { session } = await createSession();
    session.start();
    session.pause();
    const checkpoint = await session.checkpoint();
    session.cancel();
    await session.done;

    const target = await createSession();
    const before = parametersOf(target.network);
    const flipped = checkpoint.slice();
    const middle = Math.floor(flipped.length / 2);
    flipped[middle] = (flipped[middle] ?? 0) ^ 0x10;
    const damaged = [
      new Uint8Array(0),
      checkpoint.slice(0, -1),
      flipped,
      Uint8Array.from(randomFloats(64, 1)),
    ];
    for (const bytes of damaged) {
      expect(errorOf(() => target.session.restore(bytes)).code).toBe('E-CHECKPOINT');
    }
    const other = await createSession({ seed: 99 });
    expect(errorOf(() => other.session.restore(checkpoint)).code).toBe('E-CHECKPOINT');
    expect(parametersOf(target.network)).toEqual(before);
    target.session.restore(checkpoint);
  });
});
