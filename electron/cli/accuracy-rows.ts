/** What `npm run accuracy` trains: one row a configuration. To add one, add its line. */
import { optimizerTable, trainingFieldsSchema } from '../contract/index.js';
import type { NetworkNode } from '../engine/index.js';
import type { AccuracyNetwork, AccuracyRow } from './accuracy-networks.js';

type LinearNode = Extract<NetworkNode, { op: 'linear' }>;
type Weight = LinearNode['weight'];

/** How a network is trained, but for the seed. */
export const recipeSchema = trainingFieldsSchema.pick({
  optimizer: true,
  learningRate: true,
  momentum: true,
  weightDecay: true,
  schedule: true,
  gradientClip: true,
  scaleRate: true,
  batchSize: true,
  epochs: true,
});
export type Recipe = ReturnType<typeof recipeSchema.parse>;

const floatWeight: Weight = {
  bits: 32,
  grid: 'signed',
  granularity: 'channel',
  groupSize: 32,
  range: 'absmax',
  method: 'ste',
};
const ste = (bits: number, changes: Partial<Weight> = {}): Weight => ({
  ...floatWeight,
  bits,
  grid: 'narrow',
  ...changes,
});
const lsq = (bits: number): Weight => ({ ...floatWeight, bits, range: 'lsq', method: 'lsq' });
const binary: Weight = { ...floatWeight, bits: 1, grid: 'binary' };
const ternary = (range: 'twn' | 'ttq', method: 'ste' | 'ttq'): Weight => ({
  ...floatWeight,
  bits: 2,
  grid: 'ternary',
  range,
  method,
});
const dorefa = (bits: number): Weight => ({
  ...floatWeight,
  bits,
  grid: 'midrise',
  granularity: 'tensor',
  method: 'dorefa',
});
const irNet: Weight = { ...binary, method: 'irnet' };
const floatInput = { bits: 32, range: 'absmax', method: 'ste' } as const;
const lsqInput = (bits: number) => ({ bits, range: 'lsq', method: 'lsq' }) as const;

const tolerance = 0.3;
const against = (plain: number, sameRecipe: number) => ({
  pytorch: { plain, sameRecipe },
  goal: plain - tolerance,
});
const plainW2 = 86.09;

const mlp = (id: string, label: string, weight: Weight, rest: Partial<AccuracyRow> = {}): AccuracyRow => ({
  id,
  label,
  network: 'mlp',
  weight,
  activation: floatInput,
  ...rest,
});

export const accuracyRows: readonly AccuracyRow[] = [
  mlp('float', 'float', floatWeight, against(87.05, 88.53)),
  mlp('w8', 'W8', ste(8), { pytorch: { sameRecipe: 88.47 } }),
  mlp('w4', 'W4', ste(4), against(87.01, 88.66)),
  mlp('w2', 'W2', ste(2), against(plainW2, 87.99)),
  mlp('w2-signed', 'W2 signed', ste(2, { grid: 'signed' })),
  mlp('w2-lsq', 'W2 LSQ', lsq(2), { pytorch: { sameRecipe: 88.28 }, goal: plainW2 + 0.01 }),
  mlp('ternary', 'ternary (TWN)', ternary('twn', 'ste'), against(85.71, 87.87)),
  mlp('ternary-ttq', 'ternary (TTQ)', ternary('ttq', 'ttq')),
  mlp('binary', 'W1', binary, against(84.83, 87.8)),
  mlp('binary-diode', 'W1 Diode', binary, {
    recipe: { optimizer: 'diode', learningRate: optimizerTable.diode.learningRate },
  }),
  mlp('binary-irnet', 'W1 IR-Net', irNet, { hidden: 'batchNorm' }),
  mlp('w2-dorefa', 'W2 DoReFa', dorefa(2), { hidden: 'batchNorm' }),
  mlp('w4a4', 'W4A4 LSQ', lsq(4), { activation: lsqInput(4) }),
  mlp('w2a4', 'W2A4 LSQ', lsq(2), { activation: lsqInput(4) }),
  mlp('w1a1', 'W1A1', binary, { activation: lsqInput(1), hidden: 'batchNorm' }),
  { id: 'cnn-float', label: 'CNN float', network: 'cnn', weight: floatWeight, activation: floatInput },
  {
    id: 'cnn-w4a4',
    label: 'CNN W4A4 LSQ',
    network: 'cnn',
    weight: lsq(4),
    activation: lsqInput(4),
    goal: 90.5,
  },
];

/** One for all rows of a network that have none of their own, chosen on the validation split (docs/accuracy.md). */
export const accuracyRecipes: Readonly<Record<AccuracyNetwork, Recipe>> = {
  mlp: recipe({ learningRate: 0.002, epochs: 4 }),
  cnn: recipe({ learningRate: 0.002, epochs: 8 }),
};

function recipe(changes: Pick<Recipe, 'learningRate' | 'epochs'>): Recipe {
  return {
    optimizer: 'adam',
    momentum: 0,
    weightDecay: 0,
    schedule: 'cosine',
    gradientClip: 0,
    scaleRate: 1,
    batchSize: 128,
    ...changes,
  };
}
