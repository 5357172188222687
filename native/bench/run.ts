/**
 * `npm run bench`: times the engine as JavaScript sees it, against floors from ceilings measured just before, and,
 * where a Python with PyTorch is found, the training step there in alternating rounds. Prints medians, writes
 * out/bench.json. A program, never a test: nothing here fails because a machine is slow. `--rounds N` sets how often
 * each thing is measured, `--only REGEX` which workloads, `--save FILE` keeps their times, `--baseline FILE` compares
 * with kept ones. QAT_ISA chooses the instruction set.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { defaultAddonPath, loadNative } from '../index.js';
import { measureCeilings } from './floors.js';
import { benchOperations } from './operations.js';
import { TorchPeer } from './torch-peer.js';
import { benchTraining } from './training.js';
import { benchWorks, type WorkTiming } from './works.js';

const appRoot = resolve(fileURLToPath(import.meta.url), '../../..');
const { values: args } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    only: { type: 'string', default: '' },
    save: { type: 'string' },
    baseline: { type: 'string' },
  },
});
const rounds = Math.max(1, Number.parseInt(args.rounds, 10) || 15);

const addon = loadNative(process.env.QAT_ADDON_PATH || defaultAddonPath(appRoot));
const { isa } = addon.info();
const processor = `${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores`;
const loadBefore = loadavg()[0] ?? 0;
console.log(`${processor}; kernels ${isa}; ${rounds} rounds; load before ${loadBefore.toFixed(2)}`);
if (loadBefore > 0.5) console.log('Other programs are busy: two-thread figures mean little now.');

interface Kept {
  processor: string;
  isa: string;
  works: Record<string, WorkTiming>;
}

function keptTimes(file: string): Kept['works'] | null {
  const kept = JSON.parse(readFileSync(file, 'utf8')) as Kept;
  if (kept.processor === processor && kept.isa === isa) return kept.works;
  console.log(`${file} is of ${kept.processor}, ${kept.isa}: not compared.`);
  return null;
}

const ceilings = measureCeilings(join(appRoot, 'native', 'build'));
for (const { threads, ...measured } of ceilings) console.log(`ceilings, ${threads} thread(s):`, measured);
const works = await benchWorks(ceilings, {
  rounds,
  only: new RegExp(args.only),
  baseline: args.baseline ? keptTimes(args.baseline) : null,
});
if (args.save)
  writeFileSync(args.save, `${JSON.stringify({ processor, isa, works } satisfies Kept, null, 2)}\n`);
if (args.only) process.exit(0);

addon.setThreads(Math.min(2, cpus().length));
const operations = await benchOperations(addon, rounds);
const peer = await TorchPeer.start();
console.log(
  peer ? `PyTorch ${peer.version} as the peer` : 'No Python with PyTorch: the step is timed alone.',
);
const training = await benchTraining(addon, rounds, peer);
peer?.stop();

mkdirSync(join(appRoot, 'out'), { recursive: true });
const file = join(appRoot, 'out', 'bench.json');
const report = {
  at: new Date().toISOString(),
  processor,
  isa,
  rounds,
  loadBefore,
  loadAfter: loadavg()[0] ?? 0,
  torch: peer?.version ?? null,
  ceilings,
  works,
  operations,
  training,
};
writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
console.log(`written to ${file}; load after ${report.loadAfter.toFixed(2)}`);
