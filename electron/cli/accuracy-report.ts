/** The measured part of `docs/accuracy.md`. What stands outside its markers is written by hand and kept. */
import { QatError } from '../contract/index.js';
import type { AccuracyRow } from './accuracy-networks.js';
import { medianPercent, type RowRecord, type Setup } from './accuracy-record.js';
import type { Recipe } from './accuracy-rows.js';

const begin = '<!-- measured: begin; written by `npm run accuracy`, not by hand -->';
const end = '<!-- measured: end -->';
export const plotPath = 'images/accuracy-rows.svg';

export interface ReportRow {
  row: AccuracyRow;
  record: RowRecord;
}

/** `document` with a new measured part. @throws E-FILE-UNREADABLE when it has no place for it. */
export function replaceMeasured(document: string, rows: readonly ReportRow[]): string {
  const [before, rest, ...more] = document.split(begin);
  const [, after, ...evenMore] = (rest ?? '').split(end);
  if (before === undefined || after === undefined || more.length + evenMore.length > 0) {
    throw new QatError(
      'E-FILE-UNREADABLE',
      'The document has no single place for the measured table.',
      `Give it the two lines ${begin} and ${end}.`,
    );
  }
  return `${before}${begin}\n\n${measuredPart(rows)}\n\n${end}${after}`;
}

/** What a document begins as. */
export const emptyDocument = `# Accuracy\n\n${begin}\n${end}\n`;

/** Rows whose median is below what it must reach. */
export function missedGoals(rows: readonly ReportRow[]): ReportRow[] {
  // As the table shows them: 85.79 is within 0.3 of 86.09, whatever binary fractions make of it.
  const hundredths = (percent: number): number => Math.round(100 * percent);
  return rows.filter(
    ({ row, record }) => row.goal !== undefined && hundredths(medianPercent(record)) < hundredths(row.goal),
  );
}

function measuredPart(rows: readonly ReportRow[]): string {
  const head = [
    '| row | weights | activations | test accuracy, % | each seed | in float | PyTorch, plain | PyTorch, same recipe | difference |',
    '| --- | --- | --- | ---: | --- | ---: | ---: | ---: | ---: |',
  ];
  return [
    [...head, ...rows.map(tableLine)].join('\n'),
    `![Test accuracy of every row: each seed, their median and PyTorch's](${plotPath})`,
    setupLines(rows).join('\n'),
    `Again: \`npm run accuracy\`, or some rows of it: \`npm run accuracy -- --rows ${rows[0]?.row.id ?? 'id'}\`.`,
  ].join('\n\n');
}

function tableLine({ row, record }: ReportRow): string {
  const packed = medianPercent(record);
  const float = medianPercent(record, 'fakeQuant');
  const cells = [
    row.label,
    describeWeight(row.weight),
    describeActivation(row.activation),
    `**${packed.toFixed(2)}**`,
    record.measurements.map((each) => (100 * each.packed).toFixed(2)).join(' · '),
    record.measurements.every((each) => each.packed === each.fakeQuant) ? 'same' : float.toFixed(2),
    row.pytorch?.plain?.toFixed(2) ?? '',
    row.pytorch?.sameRecipe.toFixed(2) ?? '',
    row.pytorch === undefined ? '' : signed(packed - row.pytorch.sameRecipe),
  ];
  return `| ${cells.join(' | ')} |`;
}

function signed(difference: number): string {
  return `${difference < 0 ? '−' : '+'}${Math.abs(difference).toFixed(2)}`;
}

function describeWeight({ bits, grid, range, method, granularity }: AccuracyRow['weight']): string {
  if (bits === 32) return 'float';
  const scale = method === 'lsq' ? 'learned' : grid === 'binary' ? 'mean' : range;
  return `${bits} ${bits === 1 ? 'bit' : 'bits'}, ${grid}, ${scale} scale per ${granularity}`;
}

function describeActivation({ bits, method, range }: AccuracyRow['activation']): string {
  if (bits === 32) return 'float';
  return `${bits} ${bits === 1 ? 'bit' : 'bits'}, ${method === 'lsq' ? 'learned' : range} scale`;
}

/** One line for all rows that were measured alike. */
function setupLines(rows: readonly ReportRow[]): string[] {
  const labels = new Map<string, string[]>();
  for (const { row, record } of rows) {
    const setup = describeSetup(
      record.setup,
      record.measurements.map(({ seed }) => seed),
    );
    labels.set(setup, [...(labels.get(setup) ?? []), row.label]);
  }
  return [...labels].map(([setup, names]) => `- ${names.join(', ')}: ${setup}.`);
}

function describeSetup({ date, machine, trainImages, testImages, recipe }: Setup, seeds: number[]): string {
  return [
    describeRecipe(recipe),
    `median of ${seeds.length === 1 ? 'seed' : 'seeds'} ${seeds.join(', ')}`,
    `${trainImages} training and ${testImages} test images`,
    `measured ${date} on ${machine}`,
  ].join('; ');
}

function describeRecipe(recipe: Recipe): string {
  return [
    recipe.optimizer,
    recipe.optimizer === 'sgd' ? `momentum ${recipe.momentum}` : '',
    `learning rate ${recipe.learningRate} (${recipe.schedule})`,
    `weight decay ${recipe.weightDecay}`,
    recipe.scaleRate === 1 ? '' : `scales at ${recipe.scaleRate} times the rate`,
    recipe.gradientClip === 0 ? '' : `gradients clipped to ${recipe.gradientClip}`,
    `batch ${recipe.batchSize}`,
    `${recipe.epochs} ${recipe.epochs === 1 ? 'epoch' : 'epochs'}`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}
