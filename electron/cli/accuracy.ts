/**
 * `npm run accuracy`: trains the rows of accuracy-rows.ts on the full Fashion-MNIST set and writes what they
 * reach into docs/accuracy.md, docs/accuracy.json and docs/images/accuracy-rows.svg.
 *
 *   --source FOLDER       the four IDX files (default: where Debian's dataset-fashion-mnist puts them)
 *   --rows ID,ID          some rows only; the others keep what was measured before
 *   --seeds 1,2,3         seeds of the initial weights and of the order of the samples
 *   --epochs N            in place of what the network's recipe says
 *   --set NAME=VALUE      another optimizer, learningRate … (may be repeated)
 *   --validation          measure on the last 5 000 training images, held back from training: to choose settings
 *   --out FOLDER          where to write; runs with other settings than the table's write nothing without it
 *   --json                a line of JSON for each row instead of the progress
 */
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { QatError, toErrorInfo } from '../contract/index.js';
import { defaultAddonPath, loadNative } from '../engine/index.js';
import { medianPercent } from './accuracy-record.js';
import { missedGoals } from './accuracy-report.js';
import { type AccuracyEvent, measureAccuracy } from './accuracy-run.js';
import { chooseRows, parseRecipe, parseSeeds } from './accuracy-settings.js';
import { fashionMnistFolder } from './fashion-mnist.js';

const appRoot = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
const validationImages = 5000;
const exitAfterInterrupt = 130;

const percent = (share: number): string => (100 * share).toFixed(2);

function print(event: AccuracyEvent): void {
  const { stdout } = process;
  if (event.kind === 'begin') stdout.write(`${event.row.id}, seed ${event.seed}: `);
  else if (event.kind === 'epoch') stdout.write(`${percent(event.accuracy)} `);
  else if (event.kind === 'seed') stdout.write(`→ packed ${percent(event.measurement.packed)} %\n`);
  else stdout.write(`${event.record.id}: median ${medianPercent(event.record).toFixed(2)} %\n`);
}

function printJson(event: AccuracyEvent): void {
  if (event.kind === 'row') console.log(JSON.stringify(event.record));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      source: { type: 'string', default: fashionMnistFolder },
      rows: { type: 'string' },
      seeds: { type: 'string' },
      epochs: { type: 'string' },
      set: { type: 'string', multiple: true, default: [] },
      validation: { type: 'boolean', default: false },
      out: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const settings = values.epochs === undefined ? values.set : [...values.set, `epochs=${values.epochs}`];
  const ofTheTable = settings.length === 0 && values.seeds === undefined && !values.validation;
  const out = values.out ?? (ofTheTable ? join(appRoot, 'docs') : null);
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const measured = await measureAccuracy(loadNative(defaultAddonPath(appRoot)), {
    source: resolve(values.source),
    rows: chooseRows(values.rows),
    seeds: parseSeeds(values.seeds),
    recipe: parseRecipe(settings),
    validationImages: values.validation ? validationImages : 0,
    out: out === null ? null : resolve(out),
    signal: stop.signal,
    onProgress: values.json ? printJson : print,
  });
  if (!ofTheTable) return;
  const missed = missedGoals(measured);
  if (missed.length === 0) return;
  const list = missed.map(
    ({ row, record }) => `${row.id} (${medianPercent(record).toFixed(2)} of ${row.goal})`,
  );
  throw new QatError(
    'E-INTERNAL',
    `Below what they must reach: ${list.join(', ')}.`,
    'Find out what changed in the training since the table of docs/accuracy.md was measured.',
  );
}

try {
  await main();
} catch (thrown) {
  const { code, message, remedy } = toErrorInfo(thrown);
  console.error(`\n${code}: ${message}\n${remedy}`);
  process.exitCode = code === 'E-CANCELLED' ? exitAfterInterrupt : 1;
}
