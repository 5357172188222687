/** The networks of `npm run accuracy`: every layer of one has the row's quantizers, the first and last included. */
import type { NetworkNode } from '../engine/index.js';
import type { Recipe } from './accuracy-rows.js';

type LinearNode = Extract<NetworkNode, { op: 'linear' }>;

export type AccuracyNetwork = 'mlp' | 'cnn';

export interface AccuracyRow {
  readonly id: string;
  readonly label: string;
  readonly network: AccuracyNetwork;
  readonly weight: LinearNode['weight'];
  /** Its grid follows from where the input comes from. */
  readonly activation: Omit<LinearNode['activation'], 'grid'>;
  /** What stands between the layers of the MLP. One-bit activations take signs, so a ReLU would leave one code. */
  readonly hidden?: 'relu' | 'batchNorm';
  /** Where it is trained otherwise than its network's other rows. */
  readonly recipe?: Partial<Recipe>;
  /** Percent that PyTorch reaches with this network in as many epochs (docs/accuracy.md). */
  readonly pytorch?: PytorchPercent | undefined;
  /** Percent that the median of the seeds must reach. */
  readonly goal?: number;
}

export interface PytorchPercent {
  /** With Adam at a constant 0.001 on pixels of 0–1. */
  readonly plain?: number;
  /** With the recipe that the row is trained with. */
  readonly sameRecipe: number;
}

export interface ImageSize {
  height: number;
  width: number;
}

const classes = 10;

/** For images of one channel, normalised: their pixels are of both signs. */
export function networkOf(row: AccuracyRow, image: ImageSize): NetworkNode[] {
  return row.network === 'mlp' ? mlpNodes(row, image) : cnnNodes(row, image);
}

/** pixels-256-128-10. */
function mlpNodes(row: AccuracyRow, { height, width }: ImageSize): NetworkNode[] {
  const batchNorm = row.hidden === 'batchNorm';
  const between = (name: string, features: number): NetworkNode =>
    batchNorm ? { op: 'batchNorm', name: `${name}.norm`, features } : { op: 'relu' };
  return [
    linear(row, 'fc1', height * width, 256, 'signed'),
    between('fc1', 256),
    linear(row, 'fc2', 256, 128, batchNorm ? 'signed' : 'unsigned'),
    between('fc2', 128),
    linear(row, 'fc3', 128, classes, batchNorm ? 'signed' : 'unsigned'),
  ];
}

/** Two blocks of 3×3 convolution, batch norm, ReLU and 2×2 max pooling, to 16 and 32 channels; then 128 and 10. */
function cnnNodes(row: AccuracyRow, { height, width }: ImageSize): NetworkNode[] {
  const flat = 32 * Math.floor(height / 4) * Math.floor(width / 4);
  return [
    { op: 'input', shape: [1, height, width] },
    ...convolutionBlock(row, 'conv1', 1, 16, 'signed'),
    ...convolutionBlock(row, 'conv2', 16, 32, 'unsigned'),
    { op: 'flatten' },
    linear(row, 'fc1', flat, 128, 'unsigned'),
    { op: 'relu' },
    linear(row, 'fc2', 128, classes, 'unsigned'),
  ];
}

function convolutionBlock(
  row: AccuracyRow,
  name: string,
  inChannels: number,
  outChannels: number,
  inputGrid: LinearNode['activation']['grid'],
): NetworkNode[] {
  const shape = { inChannels, outChannels, kernel: 3, padding: 1 };
  return [
    { op: 'conv2d', name, bias: true, ...shape, ...quantizers(row, inputGrid) },
    { op: 'batchNorm', name: `${name}.norm`, features: outChannels },
    { op: 'relu' },
    { op: 'maxPool2d', kernel: 2 },
  ];
}

function linear(
  row: AccuracyRow,
  name: string,
  inChannels: number,
  outChannels: number,
  inputGrid: LinearNode['activation']['grid'],
): NetworkNode {
  return { op: 'linear', name, bias: true, inChannels, outChannels, ...quantizers(row, inputGrid) };
}

function quantizers(row: AccuracyRow, inputGrid: LinearNode['activation']['grid']) {
  return { weight: row.weight, activation: { ...row.activation, grid: inputGrid } };
}
