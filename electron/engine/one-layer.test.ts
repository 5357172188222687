import { afterAll, beforeAll, expect, it } from 'vitest';
import type { NativeAddon, Network } from '../../native/index.js';
import {
  defaultDrawn,
  defaultLayerConfig,
  defaultLayerTraining,
  legalWeight,
  optimizers,
} from '../contract/index.js';
import { drawInputs } from './drawn-inputs.js';
import { pieceSize } from './in-pieces.js';
import type { LayerInputs } from './layer-inputs.js';
import { trainLayer } from './layer-training.js';
import { oneLayerNetwork, outputErrors } from './one-layer.js';
import { roundLayer } from './rounding.js';
import { makeSmallProject, projectOf, type TestEngine, testAddon, uniform } from './test-support.js';

let test: TestEngine;
beforeAll(async () => {
  test = await makeSmallProject();
});
afterAll(() => test.end());

const addon = testAddon();
const [rows, cols] = [32, 48];

function parts() {
  const project = projectOf(test);
  const weight = legalWeight({ ...defaultLayerConfig.weight, bits: 3 }, { rounding: 'gptq' });
  const layer = project.model.layer('fc2.weight');
  return { project, layer, config: { ...defaultLayerConfig, weight } };
}

it('the error of the output is that of all samples, and no more outputs are made at once than fit a piece', async () => {
  const { layer } = parts();
  const samples = 3 * Math.floor(pieceSize / cols) + 5;
  const inputs = await drawInputs(layer, { ...defaultDrawn, samples });
  const values = uniform(rows * cols, 1, 1);
  const exact = oneLayerNetwork(addon, layer, values);
  const other = oneLayerNetwork(addon, layer, uniform(rows * cols, 1, 2));
  const seen: Float32Array[] = [];
  const noted = (network: Network) =>
    ({
      logits: async (...given: Parameters<Network['logits']>) => {
        const made = await network.logits(...given);
        seen.push(made);
        return made;
      },
    }) as Network;
  const { power, errors } = await outputErrors(addon, undefined, inputs, noted(exact), [noted(other)], rows);
  for (const network of [exact, other]) network.dispose();
  expect(seen).toHaveLength(8);
  expect(Math.max(...seen.map((made) => made.length))).toBeLessThanOrEqual(pieceSize);
  const square = (of: (at: number) => number, count: number) => {
    let sum = 0;
    for (let at = 0; at < count; at += 1) sum += of(at) ** 2;
    return sum;
  };
  let all = 0;
  let lost = 0;
  for (let piece = 0; piece < seen.length; piece += 2) {
    const [y, z] = [seen[piece] ?? [], seen[piece + 1] ?? []];
    all += square((at) => y[at] ?? 0, y.length);
    lost += square((at) => (y[at] ?? 0) - (z[at] ?? 0), y.length);
  }
  expect(power).toBeCloseTo(all / samples, 6);
  expect(errors[0]).toBeCloseTo(lost / samples, 6);
});

it('more target outputs than memory may hold are refused with what does fit', async () => {
  const source = 'file' as const;
  const inputs: LayerInputs = { source, values: new Float32Array(0), samples: 2 ** 24, cols, groups: 1 };
  const job = { ...parts(), addon, inputs, training: defaultLayerTraining, onProgress: () => undefined };
  await expect(trainLayer(job)).rejects.toMatchObject({
    code: 'E-REQUEST-INVALID',
    message: expect.stringContaining('32 outputs'),
    remedy: `Take at most ${2 ** 23} samples.`,
  });
});

it('any optimizer trains a layer, to no more than rounding to nearest loses', async () => {
  const { project, layer, config } = parts();
  const inputs = await drawInputs(layer, { ...defaultDrawn, samples: 256 });
  for (const optimizer of optimizers) {
    const training = { ...defaultLayerTraining, optimizer, epochs: 3 };
    const job = { project, layer, config, addon, inputs, training, onProgress: () => undefined };
    const { own } = await trainLayer(job);
    expect(own.outcome.loss, optimizer).toBeLessThanOrEqual(own.outcome.nearest);
    expect(own.outcome.loss, optimizer).toBeGreaterThan(0);
  }
});

it('a layer of one output is trained as any other', async () => {
  const { project, layer, config } = parts();
  const one = { ...layer, rows: 1 };
  const model = Object.assign(Object.create(project.model), { valuesOf: async () => uniform(cols, 1, 3) });
  // As behind a ReLU, and dependent: of independent ones nothing is lost less than by rounding to nearest.
  const samples = 256;
  const shared = uniform(samples, 1, 4);
  const values = uniform(samples * cols, 0.3, 5).map((x, at) =>
    Math.abs(x + (shared[Math.floor(at / cols)] ?? 0)),
  );
  const inputs: LayerInputs = { source: 'file', values, samples, cols, groups: 1 };
  const training = { ...defaultLayerTraining, epochs: 60 };
  const job = {
    project: Object.assign(Object.create(project), { model }),
    layer: one,
    config,
    addon,
    inputs,
    training,
    onProgress: () => undefined,
  };
  const { own } = await trainLayer(job);
  expect(own.values).toHaveLength(cols);
  expect(own.outcome.loss).toBeLessThan(own.outcome.nearest);
});

/** The addon, counting what is alive; making the `failing`th thing throws. */
function counting(failing: number) {
  const count = { made: 0, alive: 0 };
  const kept = <T extends { dispose(): void }>(thing: T): T => {
    count.alive += 1;
    const dispose = thing.dispose.bind(thing);
    const value = () => {
      count.alive -= 1;
      dispose();
    };
    return Object.defineProperty(thing, 'dispose', { value });
  };
  const makers = ['createNetwork', 'createDatasetFromFloats', 'createSession'];
  const watched = new Proxy(addon, {
    get(target, name: keyof NativeAddon) {
      const member = target[name];
      if (!makers.includes(name) || typeof member !== 'function') return member;
      return (...given: unknown[]) => {
        count.made += 1;
        if (count.made === failing) throw new Error('no memory for it');
        return kept((member as (...all: unknown[]) => { dispose(): void }).apply(target, given));
      };
    },
  });
  return { count, watched };
}

it('whatever fails half way, no native object is left behind', async () => {
  const { layer } = parts();
  const inputs = await drawInputs(layer, { ...defaultDrawn, samples: 64 });
  const training = { ...defaultLayerTraining, epochs: 1 };
  const onProgress = () => undefined;
  const work = {
    train: (addonNow: NativeAddon) =>
      trainLayer({ ...parts(), addon: addonNow, inputs, training, onProgress }),
    round: (addonNow: NativeAddon) => roundLayer({ ...parts(), addon: addonNow, inputs, onProgress }),
  };
  for (const [name, run] of Object.entries(work)) {
    const whole = counting(0);
    await run(whole.watched);
    expect(whole.count.made, name).toBeGreaterThanOrEqual(4);
    expect(whole.count.alive, name).toBe(0);
    for (let failing = 1; failing <= whole.count.made; failing += 1) {
      const { count, watched } = counting(failing);
      await expect(run(watched)).rejects.toThrow('no memory for it');
      expect(count.alive, `${name}, ${failing}`).toBe(0);
    }
  }
});
