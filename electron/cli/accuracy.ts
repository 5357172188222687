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
 *   --report              no training: the table and the plot again from what was measured
 *   --json                a line of JSON for each row instead of the progress
 */
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { QatError, toErrorInfo } from '../contract/index.js';
import { defaultAddonPath, loadNative } from '../engine/index.js';
import { medianPercent } from './accuracy-record.js';
import { missedGoals } from './accuracy-report.js';
import { type AccuracyEvent, measureAccuracy, writeReport } from './accuracy-run.js';
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

const optionTypes = {
  source: { type: 'string', default: fashionMnistFolder },
  rows: { type: 'string' },
  seeds: { type: 'string' },
  epochs: { type: 'string' },
  set: { type: 'string', multiple: true, default: [] as string[] },
  validation: { type: 'boolean', default: false },
  out: { type: 'string' },
  report: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

function parseOptions() {
  try {
    return parseArgs({ options: optionTypes }).values;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const remedy = `Options are --${Object.keys(optionTypes).join(', --')}.`;
    throw new QatError('E-REQUEST-INVALID', message, remedy, { cause });
  }
}

async function main(): Promise<void> {
  const values = parseOptions();
  const settings = values.epochs === undefined ? values.set : [...values.set, `epochs=${values.epochs}`];
  const ofTheTable = settings.length === 0 && values.seeds === undefined && !values.validation;
  const out = values.out ?? (ofTheTable ? join(appRoot, 'docs') : null);
  if (values.report) return writeReport(resolve(values.out ?? join(appRoot, 'docs')));
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
  for (const { row, record } of missedGoals(measured)) {
    console.error(
      `${row.id}: ${medianPercent(record).toFixed(2)} % is below the ${row.goal?.toFixed(2)} % it must reach.`,
    );
    process.exitCode = 1;
  }
}

try {
  await main();
} catch (thrown) {
  const { code, message, remedy } = toErrorInfo(thrown);
  console.error(`\n${code}: ${message}\n${remedy}`);
  process.exitCode = code === 'E-CANCELLED' ? exitAfterInterrupt : 1;
}
