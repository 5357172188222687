/** For tests only: states as the main process sends them, checked with the contract's schemas. */

import { legalWeight } from '../configuration-store.js';
import {
  type Bits,
  bitWidths,
  type Configuration,
  defaultLayerConfig,
  defaultTrainingConfig,
  type ExportRecord,
  exportRecordSchema,
  type LayerState,
  type LibraryState,
  libraryStateSchema,
  type ProjectState,
  projectStateSchema,
  type RunSummary,
  runSummarySchema,
  type WhatIf,
  whatIfSchema,
} from '../contract.js';

const sha256 = 'ab'.repeat(32);

export interface SampleLayer {
  name: string;
  rows?: number;
  cols?: number;
  state?: LayerState;
  bits?: Bits;
}

export const threeLayers: SampleLayer[] = [
  { name: 'fc1.weight', rows: 256, cols: 784 },
  { name: 'fc2.weight', rows: 256, cols: 256 },
  { name: 'fc3.weight', rows: 10, cols: 256 },
];

export function sampleProject(
  layers: SampleLayer[] = threeLayers,
  change: Partial<ProjectState> = {},
): ProjectState {
  const configuration: Configuration = {};
  for (const { name, bits = 4 } of layers) {
    configuration[name] = {
      weight: legalWeight(defaultLayerConfig.weight, { bits }),
      activation: defaultLayerConfig.activation,
    };
  }
  const infos = layers.map(({ name, rows = 8, cols = 16, state = 'float' }) => ({
    name,
    shape: [rows, cols],
    rows,
    cols,
    dtype: 'F32',
    trainable: true,
    input: { nonNegative: false, groups: 1 },
    state,
  }));
  return projectStateSchema.parse({
    id: 'project-1',
    name: 'sample',
    folder: '/projects/sample',
    sample: true,
    model: {
      name: 'fashion-mlp',
      path: '/projects/sample/model.safetensors',
      sha256,
      sizeBytes: 1000,
      parameterCount: 1000,
      layers: infos,
      others: [],
    },
    dataset: {
      name: 'Fashion',
      path: '/data',
      trainCount: 12_000,
      testCount: 2_000,
      features: 784,
      classes: 10,
    },
    trainingReason: null,
    configuration,
    runs: [],
    exports: [],
    view: { tab: 'distribution', selection: [], runSelection: [] },
    recovered: false,
    ...change,
  });
}

export function sampleRun(change: Partial<RunSummary> = {}): RunSummary {
  return runSummarySchema.parse({
    id: 'run-1',
    name: 'W4A4',
    createdAt: '2026-01-02T03:04:05.000Z',
    state: 'running',
    configuration: sampleProject().configuration,
    training: defaultTrainingConfig,
    progress: {
      step: 100,
      stepsTotal: 752,
      epoch: 1.06,
      loss: 0.5,
      testAccuracy: 0.8,
      stepMs: 4,
      remainingMs: 14_000,
    },
    result: null,
    error: null,
    ...change,
  });
}

export function sampleRecord(change: Partial<ExportRecord> = {}): ExportRecord {
  return exportRecordSchema.parse({
    path: '/exports/w4a4.safetensors',
    createdAt: '2026-01-02T03:04:05.000Z',
    sizeBytes: 136_000,
    sha256,
    source: 'run-1',
    label: 'W4A4',
    layers: [
      {
        name: 'fc1.weight',
        bits: 4,
        codes: 200_704,
        codesDifferent: 0,
        scalesDifferent: 0,
        effectiveBits: 4.04,
      },
    ],
    logits: { images: 2000, maxDifference: 2e-6, tolerance: 1e-4, sameDecision: 2000, accuracy: 0.886 },
    logitsReason: null,
    ...change,
  });
}

/** A loaded quantizer library of 2 and 3 bits. */
export function sampleLibrary(change: Partial<LibraryState> = {}): LibraryState {
  return libraryStateSchema.parse({
    path: '/libraries/own.so',
    sha256,
    id: 'user:own',
    loaded: {
      id: 'user:own',
      name: 'own',
      version: '1.2',
      description: 'Levels of one’s own.',
      bits: [2, 3],
      parameters: [{ name: 'scale', least: 0, isLearned: true }],
    },
    error: null,
    ...change,
  });
}

export function sampleWhatIf(bits: Bits = 4): WhatIf {
  return whatIfSchema.parse({
    error: {
      bits,
      mse: 2.31e-5,
      sqnrDb: bits === 32 ? null : bits * 5,
      cosine: 0.9955,
      maxError: 0.0123,
      clippedShare: 0.0042,
      codesUsed: 16,
      codesTotal: 16,
      codeEntropyBits: 3.6,
      effectiveBits: 4.13,
      packedBytes: 33_800,
    },
    levels: {
      values: [-0.1, 0, 0.1],
      clipLow: -0.15,
      clipHigh: 0.15,
      scale: 0.1,
      zeroPoint: 0,
      row: null,
      group: null,
      scaleCount: 1,
      scaleMin: 0.1,
      scaleMax: 0.1,
    },
    codeCounts: [1, 2, 1],
    quantizedCounts: [1],
    meanErrorByBin: [0],
    rowSqnrDb: [],
    nativeMs: 0.5,
  });
}

export const allBits = bitWidths;
