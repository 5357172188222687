/** Disposed handles refuse, jobs keep what they use, and wrong kinds of handles are never taken. */
import { describe, expect, it } from 'vitest';
import { errorOf, rejectionOf } from './expect-error.js';
import {
  analyzeOptions,
  createDataset,
  manyFloats,
  randomFloats,
  randomTensor,
  sessionOptions,
  smallNetwork,
} from './fixtures.js';
import { loadAddon } from './load-addon.js';

const addon = loadAddon();

describe('dispose', () => {
  it('makes every later call say that the handle was disposed', async () => {
    const tensor = randomTensor(addon, 4, 4);
    const layer = addon.createLinear({ inChannels: 2, outChannels: 2 });
    const dataset = createDataset(addon, 10, 8, 1);
    const network = addon.createNetwork(smallNetwork());
    for (const handle of [tensor, layer, dataset, network]) {
      handle.dispose();
      handle.dispose();
    }
    const calls: (() => unknown)[] = [
      () => tensor.rows,
      () => tensor.contentHash(),
      () => tensor.copyTo(new Float32Array(16)),
      () => layer.state,
      () => layer.forward(new Float32Array(2)),
      () => layer.setWeightData(tensor),
      () => dataset.count,
      () => network.parameters(),
      () => addon.createSession(network, dataset, dataset, sessionOptions()),
    ];
    for (const call of calls) {
      const error = errorOf(call);
      expect(error.code).toBe('E-NATIVE-ARGUMENT');
      expect(error.message).toContain('was disposed');
    }
    for (const promise of [
      addon.statistics(tensor),
      addon.analyze(tensor, analyzeOptions(4)),
      network.evaluate(dataset, 'packed'),
      network.layerInputs('fc0', dataset, 1),
      layer.prepareParamsAsync(),
    ]) {
      expect((await rejectionOf(promise)).message).toContain('was disposed');
    }
  });

  it('during a job is safe: the job ends with its result', async () => {
    const values = randomFloats(512 * 512, 3);
    const tensor = addon.tensorFromArray(values, 512, 512);
    const job = addon.analyze(tensor, analyzeOptions(4));
    tensor.dispose();
    expect((await job).statistics.count).toBe(values.length);

    const network = addon.createNetwork(smallNetwork());
    network.resetParameters(1);
    const dataset = createDataset(addon, 200, 8, 1);
    await network.prepare(dataset, 32);
    const logits = network.logits(dataset, 'packed');
    network.dispose();
    dataset.dispose();
    expect(await logits).toHaveLength(400);
  });

  it('of a running session stops it, without its network and data being freed first', async () => {
    const network = addon.createNetwork(smallNetwork());
    network.resetParameters(1);
    const dataset = createDataset(addon, 200, 8, 1);
    await network.prepare(dataset, 32);
    const session = addon.createSession(network, dataset, dataset, sessionOptions({ epochs: 100_000 }));
    session.start();
    network.dispose();
    dataset.dispose();
    session.dispose();
    expect(await session.done).toBe('cancelled');
    expect(errorOf(() => session.drain()).message).toContain('was disposed');
  });
});

describe('kinds of handles', () => {
  it('cannot be made by hand or taken for one another', () => {
    const tensor = randomTensor(addon, 2, 2);
    const Constructor = tensor.constructor as new () => unknown;
    expect(() => new Constructor()).toThrow(/cannot be constructed/);
    const dataset = createDataset(addon, 10, 8, 1);
    const impostor = Object.setPrototypeOf({}, Object.getPrototypeOf(tensor));
    // biome-ignore lint/suspicious/noExplicitAny: the point is to pass what the types forbid
    const wrong = [dataset, impostor, {}, null, undefined, 3, 'tensor'] as any[];
    for (const value of wrong) {
      const layer = addon.createLinear({ inChannels: 2, outChannels: 2 });
      expect(errorOf(() => layer.setWeightData(value)).code).toBe('E-NATIVE-ARGUMENT');
      expect(() => tensor.copyTo.call(value, new Float32Array(4))).toThrow();
    }
  });
});

describe('memory', () => {
  it('of disposed handles comes back at once', () => {
    const values = manyFloats(2 ** 20);
    const start = process.memoryUsage().rss;
    for (let i = 0; i < 250; i++) addon.tensorFromArray(values, 1024, 1024).dispose();
    // 250 tensors of 4 MiB are 1000 MiB, and so much was kept when they came from the heap.
    expect(process.memoryUsage().rss - start).toBeLessThan(100 * 2 ** 20);
  });

  it('of forgotten handles is known to V8, which collects them in time', async () => {
    const values = manyFloats(2 ** 20);
    const start = process.memoryUsage().rss;
    let peak = 0;
    for (let i = 0; i < 250; i++) {
      addon.tensorFromArray(values, 1024, 1024);
      // Finalizers run between macrotasks.
      if (i % 4 === 0) await new Promise((resolve) => setImmediate(resolve));
      peak = Math.max(peak, process.memoryUsage().rss - start);
    }
    // Without the report to V8 all 1000 MiB would pile up: to V8 a handle is a hundred bytes.
    expect(peak).toBeLessThan(500 * 2 ** 20);
  });
});
