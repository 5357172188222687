/** For the engine's tests: the real addon, a small model with a graph, and a small data set, in a temporary folder. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestContext } from 'vitest';
import { defaultAddonPath, loadNative, type NativeAddon } from '../../native/index.js';
import { type AppEvent, defaultTrainingConfig, type Graph, type TrainingConfig } from '../contract/index.js';
import {
  type SafetensorsSource,
  writeIdxImages,
  writeIdxLabels,
  writeSafetensors,
} from '../formats/index.js';
import { createEngine, type Engine } from './engine.js';
import { graphMetadataKey } from './graph.js';
import type { OpenProject } from './open-project.js';

export const appRoot = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const assetsFolder = join(appRoot, 'assets');

let addon: NativeAddon | undefined;
export function testAddon(): NativeAddon {
  addon ??= loadNative(defaultAddonPath(appRoot));
  return addon;
}

/** mulberry32: small, seeded, the same everywhere. */
export function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function uniform(count: number, bound: number, seed: number): Float32Array {
  const random = randomSource(seed);
  return Float32Array.from({ length: count }, () => (random() * 2 - 1) * bound);
}

const side = 8;
export const features = side * side;
export const classes = 4;

export const smallGraph: Graph = {
  version: 1,
  input: { features, mean: 0.35, std: 0.3 },
  classes,
  nodes: [
    { op: 'linear', weight: 'fc1.weight', bias: 'fc1.bias' },
    {
      op: 'batchNorm',
      gamma: 'bn1.gamma',
      beta: 'bn1.beta',
      runningMean: 'bn1.mean',
      runningVar: 'bn1.var',
    },
    { op: 'relu' },
    { op: 'linear', weight: 'fc2.weight', bias: 'fc2.bias' },
    { op: 'relu' },
    { op: 'linear', weight: 'fc3.weight', bias: null },
  ],
};

export function smallTensors(): SafetensorsSource[] {
  const f32 = (name: string, shape: number[], data: Float32Array): SafetensorsSource => ({
    name,
    dtype: 'F32',
    shape,
    data,
  });
  return [
    f32('fc1.weight', [48, features], uniform(48 * features, 0.2, 1)),
    f32('fc1.bias', [48], uniform(48, 0.1, 2)),
    f32('bn1.gamma', [48], new Float32Array(48).fill(1)),
    f32('bn1.beta', [48], new Float32Array(48)),
    f32('bn1.mean', [48], new Float32Array(48)),
    f32('bn1.var', [48], new Float32Array(48).fill(1)),
    f32('fc2.weight', [32, 48], uniform(32 * 48, 0.2, 3)),
    f32('fc2.bias', [32], uniform(32, 0.1, 4)),
    f32('fc3.weight', [classes, 32], uniform(classes * 32, 0.25, 5)),
    { name: 'steps', dtype: 'I64', shape: [1], data: BigInt64Array.of(7n) },
  ];
}

export async function writeSmallModel(
  path: string,
  tensors: SafetensorsSource[] = smallTensors(),
  graph: unknown = smallGraph,
): Promise<string> {
  await writeSafetensors(path, tensors, {
    metadata: graph === null ? [] : [[graphMetadataKey, JSON.stringify(graph)]],
  });
  return path;
}

/** Images with one bright quadrant in noise; the label says which. */
export async function writeSmallDataset(folder: string, trainCount = 800, testCount = 200): Promise<string> {
  for (const [prefix, count, seed] of [
    ['train', trainCount, 11],
    ['t10k', testCount, 12],
  ] as const) {
    const random = randomSource(seed);
    const pixels = new Uint8Array(count * features);
    const labels = new Uint8Array(count);
    for (let image = 0; image < count; image += 1) {
      const label = Math.floor(random() * classes);
      labels[image] = label;
      for (let at = 0; at < features; at += 1) {
        const quadrant = (Math.floor(at / side) >= side / 2 ? 2 : 0) + (at % side >= side / 2 ? 1 : 0);
        pixels[image * features + at] = Math.floor(random() * (quadrant === label ? 256 : 130));
      }
    }
    const images = { count, height: side, width: side, pixels };
    await writeIdxImages(join(folder, `${prefix}-images-idx3-ubyte.gz`), images);
    await writeIdxLabels(join(folder, `${prefix}-labels-idx1-ubyte`), { count, labels });
  }
  return folder;
}

const execute = promisify(execFile);

/**
 * Runs `work` with a small memory disk mounted on `folder`. Mounting needs root: elsewhere the test is
 * skipped, and says so.
 */
export async function withMemoryDisk(
  context: TestContext,
  folder: string,
  mountOptions: string,
  work: () => Promise<void>,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  try {
    await execute('mount', ['-t', 'tmpfs', '-o', mountOptions, 'tmpfs', folder]);
  } catch (thrown) {
    context.skip(`a memory disk could not be mounted: ${(thrown as Error).message.trim()}`);
  }
  try {
    await work();
  } finally {
    // Lazily: a failed test may have left files open on it.
    await execute('umount', ['-l', folder]);
  }
}

export const shortTraining: TrainingConfig = {
  ...defaultTrainingConfig,
  learningRate: 0.002,
  weightDecay: 0.0001,
  diagnosticsEvery: 0,
  epochs: 4,
  batchSize: 50,
  seed: 3,
};

export interface TestEngine {
  engine: Engine;
  folder: string;
  events: AppEvent[];
  /** Resolves with the first event, past or future, that matches. */
  waitFor<T extends AppEvent>(matches: (event: AppEvent) => event is T): Promise<T>;
  /** Disposes the engine and removes the folder. */
  end(): Promise<void>;
}

export async function makeTestEngine(existingFolder?: string): Promise<TestEngine> {
  const folder = existingFolder ?? (await mkdtemp(join(tmpdir(), 'qat-engine-')));
  const events: AppEvent[] = [];
  const listeners = new Set<(event: AppEvent) => void>();
  const engine = createEngine({
    addon: testAddon(),
    projectsFolder: join(folder, 'projects'),
    assetsFolder,
    emit: (event) => {
      events.push(structuredClone(event));
      for (const listener of listeners) listener(event);
    },
  });
  return {
    engine,
    folder,
    events,
    waitFor: <T extends AppEvent>(matches: (event: AppEvent) => event is T) => {
      const past = events.find(matches);
      if (past) return Promise.resolve(past);
      return new Promise<T>((done) => {
        const listener = (event: AppEvent) => {
          if (!matches(event)) return;
          listeners.delete(listener);
          done(event);
        };
        listeners.add(listener);
      });
    },
    async end() {
      await engine.dispose();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A test engine with the small model open, on the small data set. */
export async function makeSmallProject(): Promise<TestEngine> {
  const test = await makeTestEngine();
  const data = join(test.folder, 'data');
  await mkdir(data);
  await writeSmallDataset(data);
  await test.engine.project.openModel({ path: await writeSmallModel(join(test.folder, 'm.safetensors')) });
  await test.engine.project.openDataset({ path: data });
  return test;
}

/** The project that is open in it. */
export function projectOf({ engine }: TestEngine): OpenProject {
  const { open } = engine.project;
  if (!open) throw new Error('no project');
  return open;
}

export type RunChanged = Extract<AppEvent, { type: 'run.changed' }>;

/** Matches the event that ends a run. */
export function endedRun(runId: string): (event: AppEvent) => event is RunChanged {
  return (event): event is RunChanged =>
    event.type === 'run.changed' &&
    event.run.id === runId &&
    !['running', 'paused'].includes(event.run.state);
}
