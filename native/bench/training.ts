/** Times the training step of the sample MLP, and the same step in PyTorch in alternating rounds. */
import type { Dataset, NativeAddon, Network, NetworkNode } from '../index.js';
import { gaussian } from './operations.js';
import { median, row, summarize, type Timing } from './timing.js';
import type { TorchPeer } from './torch-peer.js';

const sizes = [784, 256, 256, 10];
const batchSize = 128;
const stepsPerRound = 60;

export interface StepTiming {
  threads: number;
  bits: string;
  engine: Timing;
  torch: Timing | null;
  /** Median time of PyTorch over ours: above 1 we are faster. */
  ratio: number | null;
}

export async function benchTraining(
  addon: NativeAddon,
  rounds: number,
  peer: TorchPeer | null,
): Promise<StepTiming[]> {
  const data = createData(addon, stepsPerRound * batchSize);
  const test = createData(addon, 16);
  const networks = {
    W4A4: await createNetwork(addon, 4, data),
    float: await createNetwork(addon, 32, data),
  };
  const results: StepTiming[] = [];
  for (const threads of [1, 2]) {
    for (const [bits, network] of Object.entries(networks)) {
      const engineTimes: number[] = [];
      const torchTimes: number[] = [];
      for (let round = -1; round < rounds; round++) {
        addon.setThreads(threads);
        const engineMs = await runSteps(addon, network, data, test);
        const torchMs = peer ? median(await peer.steps(threads, bits !== 'float', stepsPerRound)) : null;
        if (round < 0) continue; // warms both up
        engineTimes.push(engineMs);
        if (torchMs !== null) torchTimes.push(torchMs);
      }
      results.push(report(threads, bits, engineTimes, torchTimes));
    }
  }
  return results;
}

function report(threads: number, bits: string, engineTimes: number[], torchTimes: number[]): StepTiming {
  const engine = summarize(engineTimes);
  const torch = torchTimes.length > 0 ? summarize(torchTimes) : null;
  const ratio = torch ? torch.medianMs / engine.medianMs : null;
  const note = torch ? `torch ${torch.medianMs.toFixed(3)} ms, ${ratio?.toFixed(2)} x ours` : '';
  console.log(
    row(`training step ${sizes.join('-')} b${batchSize} ${bits}, ${threads} thread(s)`, engine, note),
  );
  return { threads, bits, engine, torch, ratio };
}

function createData(addon: NativeAddon, count: number): Dataset {
  const features = sizes[0] ?? 0;
  const images = Uint8Array.from(gaussian(count * features), (value) => Math.min(255, Math.abs(value) * 80));
  const labels = Uint8Array.from({ length: count }, (_, i) => (i * 7) % 10);
  const shape = { count, features, classes: 10 };
  return addon.createDatasetFromBytes(images, labels, shape, { mean: 0.286, std: 0.353 });
}

async function createNetwork(addon: NativeAddon, bits: number, data: Dataset): Promise<Network> {
  const nodes: NetworkNode[] = [];
  for (let layer = 0; layer + 1 < sizes.length; layer++) {
    if (layer > 0) nodes.push({ op: 'relu' });
    nodes.push({
      op: 'linear',
      name: `fc${layer}`,
      inChannels: sizes[layer] ?? 0,
      outChannels: sizes[layer + 1] ?? 0,
      bias: true,
      weight: { bits, grid: 'signed', granularity: 'channel', groupSize: 64, range: 'lsq', method: 'lsq' },
      activation: { bits, grid: layer === 0 ? 'signed' : 'unsigned', range: 'lsq', method: 'lsq' },
    });
  }
  const network = addon.createNetwork(nodes);
  network.resetParameters(1);
  await network.prepare(data, 512);
  return network;
}

/** Median milliseconds of a step, as the session measured it. */
async function runSteps(addon: NativeAddon, network: Network, data: Dataset, test: Dataset): Promise<number> {
  const session = addon.createSession(network, data, test, {
    optimizer: 'adamw',
    learningRate: 0.0001,
    momentum: 0,
    weightDecay: 0.01,
    schedule: 'constant',
    epochs: 1,
    batchSize,
    seed: 1,
  });
  session.start();
  const state = await session.done;
  const { stepMs, error } = session.drain();
  session.dispose();
  if (state !== 'finished' || stepMs === null)
    throw new Error(`the session ended ${state}: ${error?.message}`);
  return stepMs;
}
