/** A project to test with. */
import {
  type Configuration,
  type DiagnosticsPoint,
  defaultLayerConfig,
  defaultTrainingConfig,
  type RunSummary,
} from '../contract/index.js';
import type { LayerResult } from './project-document.js';
import type { ProjectInit } from './project-store.js';

export const projectInit: ProjectInit = {
  name: 'Sample',
  sample: true,
  model: { name: 'mlp', path: '/models/mlp.safetensors', sha256: 'a'.repeat(64), sizeBytes: 100 },
  dataset: null,
  trainingReason: 'no data set',
  configuration: { first: defaultLayerConfig },
  view: { tab: 'distribution', selection: [], runSelection: [] },
};

export function view(...selection: string[]) {
  return { tab: 'error' as const, selection, runSelection: [] };
}

export function configuration(layer: string, groupSize: number): Configuration {
  return { [layer]: { ...defaultLayerConfig, weight: { ...defaultLayerConfig.weight, groupSize } } };
}

export function layerResult(digit: string, current = true): LayerResult {
  return { id: digit.repeat(32), quantizer: `[${digit}]`, state: 'prepared', outcome: null, current };
}

export function runSummary(id: string, changes: Partial<RunSummary> = {}): RunSummary {
  return {
    id,
    name: id,
    createdAt: '2026-01-01T00:00:00.000Z',
    state: 'running',
    configuration: {},
    training: { ...defaultTrainingConfig, learningRate: 0.001, weightDecay: 0, epochs: 1, batchSize: 1 },
    progress: {
      step: 0,
      stepsTotal: 10,
      epoch: 0,
      loss: null,
      testAccuracy: null,
      stepMs: null,
      remainingMs: null,
    },
    result: null,
    error: null,
    ...changes,
  };
}

export function stepPoint(step: number, loss = 1) {
  return { step, epoch: step / 10, loss, learningRate: 0.001 };
}

export function diagnostics(step: number): DiagnosticsPoint {
  const layer = {
    name: 'fc1',
    weightScale: 0.5,
    activationScale: 0.25,
    flipShare: 0.1,
    oscillatingShare: 0,
    frozenShare: null,
    clippedWeights: 0,
    clippedInputs: 0.01,
    weightGradient: 1,
    scaleGradient: null,
    sqnrDb: 20,
  };
  return { step, epoch: step / 10, layers: [layer] };
}
