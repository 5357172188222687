/**
 * `npm run test:goldens`: every reference case of the folder GOLDENS_DIR (by default ../shared/goldens beside
 * the repository), on every kernel level this processor runs. Ends with "N passed, N failed".
 *
 * A kernel level is fixed when the addon is loaded, so each one is a child process with QAT_ISA set.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defaultAddonPath, loadNative } from '../../index.js';
import { type CaseResult, runCases } from './run-cases.js';

const thisFile = fileURLToPath(import.meta.url);
const appRoot = resolve(thisFile, '../../../..');
const directory = resolve(appRoot, process.env.GOLDENS_DIR || '../shared/goldens');
const addonPath = process.env.QAT_ADDON_PATH || defaultAddonPath(appRoot);
const childMark = 'QAT_GOLDENS_CHILD';

if (process.env[childMark]) {
  await runCases(loadNative(addonPath), directory, (result) => process.send?.(result));
  process.disconnect?.();
} else if (!existsSync(directory)) {
  console.log(`Reference vectors: passed over, there is no folder ${directory} (set GOLDENS_DIR).`);
} else {
  process.exitCode = (await runAll()) ? 0 : 1;
}

async function runAll(): Promise<boolean> {
  const isas = loadNative(addonPath).info().isaAvailable;
  console.log(`Reference vectors of ${directory} on ${isas.join(', ')}`);
  const results: CaseResult[] = [];
  let crashed = 0;
  for (const isa of isas) {
    const run = await runChild(isa, (result) => {
      results.push(result);
      console.log(`${isa.padEnd(7)} ${describe(result)}`);
    });
    if (!run) crashed++;
  }
  const count = (outcome: CaseResult['outcome']) => results.filter((r) => r.outcome === outcome).length;
  const failed = count('failed') + crashed;
  console.log(`${count('passed')} passed, ${failed} failed`);
  return failed === 0 && count('passed') > 0;
}

/** False when the child ended in any other way than by finishing its cases. */
async function runChild(isa: string, onResult: (result: CaseResult) => void): Promise<boolean> {
  const child = fork(thisFile, { env: { ...process.env, QAT_ISA: isa, [childMark]: '1' } });
  child.on('message', (result) => onResult(result as CaseResult));
  // The channel closes after its last message, which may be later than the exit.
  const [[code, signal]] = await Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
  if (code !== 0) console.log(`${isa.padEnd(7)} FAILED the process ended with ${signal ?? `code ${code}`}`);
  return code === 0;
}

function describe({ file, outcome, measurement, message, note }: CaseResult): string {
  const name = file.replace(/\.safetensors$/, '').padEnd(28);
  const mark = outcome === 'passed' ? 'ok    ' : 'FAILED';
  if (!measurement) return `${mark} ${name} ${message ?? ''}`;
  const { error, bound } = measurement;
  const figure = `largest error ${error.toExponential(2)} in ${measurement.name} (bound ${shortNumber(bound)})`;
  return `${mark} ${name} ${figure}${note ? `; ill-conditioned: ${note}` : ''}`;
}

function shortNumber(value: number): string {
  return value === 0 ? '0' : value.toExponential(1);
}
