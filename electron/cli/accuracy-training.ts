/** Trains a network from scratch, its quantizers in the loop, and measures it. */
import type { Dataset, NativeAddon, NetworkNode } from '../engine/index.js';
import type { Measurement } from './accuracy-record.js';
import type { Recipe } from './accuracy-rows.js';
import { runSession, type SessionProgress } from './run-session.js';

/** Training images that set the activations' scales. */
export const calibrationCount = 512;

export interface TrainingJob {
  nodes: NetworkNode[];
  recipe: Recipe;
  seed: number;
  train: Dataset;
  test: Dataset;
  signal?: AbortSignal | undefined;
  /** After each epoch: the share of the test images that the float arithmetic of the training gets right. */
  onEpoch?: ((accuracy: number) => void) | undefined;
}

/** Same job, same kernels: same numbers. @throws E-CANCELLED when aborted, E-TRAINING-DIVERGED. */
export async function trainAndMeasure(addon: NativeAddon, job: TrainingJob): Promise<Measurement> {
  const { seed, train, test, signal } = job;
  const cancel = addon.createCancelToken();
  const abort = (): void => cancel.cancel();
  signal?.addEventListener('abort', abort);
  const network = addon.createNetwork(job.nodes);
  try {
    network.resetParameters(seed);
    await network.prepare(train, calibrationCount, cancel);
    const session = addon.createSession(network, train, test, { ...job.recipe, seed });
    const epochs: number[] = [];
    const onProgress = ({ evaluations }: SessionProgress): void => {
      // The first evaluation is that of the untrained network.
      for (const { step, testAccuracy } of evaluations) {
        if (step === 0 || testAccuracy === null) continue;
        epochs.push(testAccuracy);
        job.onEpoch?.(testAccuracy);
      }
    };
    await runSession(session, onProgress, signal).finally(() => session.dispose());
    const fakeQuant = await network.evaluate(test, 'fakeQuant', cancel);
    const packed = await network.evaluate(test, 'packed', cancel);
    return { seed, packed: packed.accuracy, fakeQuant: fakeQuant.accuracy, epochs };
  } finally {
    signal?.removeEventListener('abort', abort);
    network.dispose();
  }
}
