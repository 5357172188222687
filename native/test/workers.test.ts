/** Two worker threads use the addon at the same time; one is ended in the middle of its work. */
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { addonPath, loadAddon } from './load-addon.js';

const addon = loadAddon();

/** Plain JavaScript, so that a worker needs no loader. `job` runs with `addon` and `post` in scope. */
function startWorker(job: string): Worker {
  const source = `
    const { workerData, parentPort } = require('node:worker_threads');
    const addon = require(workerData);
    const post = (message) => parentPort.postMessage(message);
    const floats = (n, seed) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 12.9898 + seed) * 0.05);
    const quantizer = { bits: 4, grid: 'signed', granularity: 'channel', groupSize: 32, range: 'mse', method: 'lsq' };
    const options = { quantizer, row: null, range: null, exactBins: 2048, drawnBins: 256 };
    (async () => { ${job} })().catch((error) => post({ error: String(error.stack ?? error) }));`;
  return new Worker(source, { eval: true, workerData: addonPath });
}

function nextMessage(worker: Worker): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the worker ended with code ${code}`)));
  });
}

const analysisJob = `
  const tensor = addon.tensorFromArray(floats(512 * 256, 1), 512, 256);
  const results = [];
  for (let i = 0; i < 10; i++) {
    const [a, w] = await Promise.all([addon.analyze(tensor, options), addon.whatIf(tensor, options)]);
    results.push(JSON.stringify([a.statistics, a.byBits, w.codeCounts]));
  }
  post({ distinct: new Set(results).size, first: results[0] });`;

const session = (epochs: number) => `
  const activation = { bits: 4, grid: 'signed', range: 'mse', method: 'lsq' };
  const node = { op: 'linear', name: 'fc', inChannels: 64, outChannels: 10, bias: true, weight: quantizer, activation };
  const labels = Uint8Array.from({ length: 500 }, (_, i) => i % 10);
  const data = addon.createDatasetFromFloats(floats(500 * 64, 2), labels, { count: 500, features: 64, classes: 10 });
  const network = addon.createNetwork([node]);
  network.resetParameters(1);
  await network.prepare(data, 100);
  const session = addon.createSession(network, data, data, { optimizer: 'adamw', learningRate: 0.001, momentum: 0,
    weightDecay: 0, schedule: 'constant', epochs: ${epochs}, batchSize: 50, seed: 1 });
  session.start();`;

describe('two workers', () => {
  it('get the same figures as each other', async () => {
    const workers = [startWorker(analysisJob), startWorker(analysisJob)];
    const [one, two] = await Promise.all(workers.map(nextMessage));
    await Promise.all(workers.map((worker) => worker.terminate()));
    expect(one).toMatchObject({ distinct: 1 });
    expect(two).toEqual(one);
  });

  it('train at the same time and end alike', async () => {
    const job = `${session(3)}
      const state = await session.done;
      post({ state, losses: session.drain().steps.map((point) => point.loss) });`;
    const workers = [startWorker(job), startWorker(job)];
    const [one, two] = await Promise.all(workers.map(nextMessage));
    await Promise.all(workers.map((worker) => worker.terminate()));
    expect(one).toMatchObject({ state: 'finished' });
    expect(one?.losses).toHaveLength(30);
    expect(two).toEqual(one);
  });
});

describe('a worker that ends early', () => {
  it('takes its running session with it', async () => {
    const worker = startWorker(`${session(100_000)} post({ started: true });`);
    expect(await nextMessage(worker)).toEqual({ started: true });
    const asked = performance.now();
    await worker.terminate();
    expect(performance.now() - asked).toBeLessThan(2000);
    // The engine still works here.
    expect(addon.ops.gemm(Float32Array.of(2), Float32Array.of(3), 1, 1, 1)).toEqual(Float32Array.of(6));
  });

  it('may end while jobs, a paused session and an idle one exist', async () => {
    for (let round = 0; round < 5; round++) {
      const worker = startWorker(`${session(100_000)}
        session.pause();
        const second = addon.createNetwork([node]);
        second.resetParameters(2);
        globalThis.idle = addon.createSession(second, data, data, { optimizer: 'sgd', learningRate: 0.1, momentum: 0,
          weightDecay: 0, schedule: 'constant', epochs: 1, batchSize: 50, seed: 1 });
        const tensor = addon.tensorFromArray(floats(1024 * 512, 1), 1024, 512);
        for (let i = 0; i < 4; i++) addon.analyze(tensor, options);
        session.checkpoint();
        post({ started: true });`);
      expect(await nextMessage(worker)).toEqual({ started: true });
      await worker.terminate();
    }
    expect(addon.info().threads).toBeGreaterThan(0);
  });
});
