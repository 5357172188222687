/** The rings of tests, from the inside out; each counts its own and never throws for a failing test. */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { addonPath, buildNative, nativeTestPrograms } from './build-native.mjs';
import { fromRoot, root } from './paths.mjs';
import { runPlaywright } from './playwright-run.mjs';
import {
  emptyResult,
  parseFinalLine,
  parsePlaywright,
  parseVitest,
  single,
  sumResults,
} from './ring-results.mjs';
import { describeEnd, runCommand } from './run-command.mjs';
import { SetupError, say } from './say.mjs';

/** @typedef {import('./ring-results.mjs').RingResult} RingResult */
/** @typedef {{ name: string, what: string, run: () => Promise<RingResult> }} Ring */

const minuteMs = 60_000;
/** Every level the engine may choose, by architecture; the machine decides which of them can be run. */
const levelsByArch = new Map([
  ['x64', ['ref', 'avx2', 'avx512']],
  ['arm64', ['ref', 'neon']],
]);

/**
 * Runs a tool of node_modules with this Node and shows what it prints.
 * @param {string} script relative to node_modules
 * @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, timeoutMs: number }} options
 */
async function tool(script, args, { env, timeoutMs }) {
  const path = fromRoot('node_modules', script);
  if (!existsSync(path)) throw new SetupError(`${script} is not installed`, 'npm ci');
  const options = {
    cwd: root,
    env: { ...process.env, ...env },
    timeoutMs,
    output: /** @type {const} */ ('both'),
  };
  const result = await runCommand(process.execPath, [path, ...args], options);
  if (result.code !== 0) say(`${script.split('/')[0]} ${describeEnd(result)}`);
  return result;
}

/**
 * @template T
 * @param {string} path
 * @returns {T | undefined}
 */
function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

async function typecheck() {
  return single((await tool('typescript/bin/tsc', ['-b'], { timeoutMs: 5 * minuteMs })).code === 0);
}

async function lint() {
  const biome = await tool('@biomejs/biome/bin/biome', ['check', '.'], { timeoutMs: 5 * minuteMs });
  const boundaries = await runCommand(process.execPath, [fromRoot('electron/dev/check-boundaries.mjs')], {
    cwd: root,
    output: 'both',
  });
  return single(biome.code === 0 && boundaries.code === 0);
}

/** @returns {Promise<string[]>} the kernel levels that the engine can use on this processor */
async function availableLevels() {
  const code = `process.stdout.write(JSON.stringify(require(${JSON.stringify(addonPath)}).info().isaAvailable))`;
  const result = await runCommand(process.execPath, ['-e', code], { timeoutMs: minuteMs });
  if (result.code !== 0) {
    throw new SetupError(
      `The native engine cannot be loaded: it ${describeEnd(result)}\n${result.stderr}`,
      'npm run build:native',
    );
  }
  return JSON.parse(result.stdout);
}

async function kernels() {
  await buildNative({ tests: true });
  const programs = nativeTestPrograms();
  if (programs.length === 0)
    throw new SetupError('The build made no C++ test program', 'Look at native/CMakeLists.txt.');
  const available = await availableLevels();
  const levels = levelsByArch.get(process.arch) ?? ['ref'];
  const results = [];
  for (const level of levels) {
    if (!available.includes(level)) {
      results.push({
        ...emptyResult(),
        notRun: [`kernels at level ${level}: this processor or build has ${available.join(', ')}`],
      });
      continue;
    }
    for (const program of programs) {
      say(`${basename(program)} with QAT_ISA=${level}`);
      const result = await runCommand(program, [], {
        cwd: root,
        env: { ...process.env, QAT_ISA: level },
        output: 'both',
        timeoutMs: 10 * minuteMs,
      });
      if (result.code !== 0) say(`${basename(program)} ${describeEnd(result)}`);
      results.push(parseFinalLine(result.stdout, result.code === 0));
    }
  }
  return sumResults(results);
}

/** @returns {string} the folder of reference vectors */
function goldensDir() {
  return resolve(root, process.env.GOLDENS_DIR || '../shared/goldens');
}

async function goldens() {
  if (!existsSync(goldensDir())) {
    const reason = `there is no ${goldensDir()}; GOLDENS_DIR names the folder of reference vectors`;
    return { ...emptyResult(), notRun: [`goldens: ${reason}`] };
  }
  await buildNative();
  const result = await tool('tsx/dist/cli.mjs', ['native/test/goldens/run.ts'], { timeoutMs: 10 * minuteMs });
  return parseFinalLine(result.stdout, result.code === 0);
}

async function unit() {
  await buildNative();
  const json = fromRoot('out', 'test', 'vitest.json');
  mkdirSync(dirname(json), { recursive: true });
  rmSync(json, { force: true });
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${json}`];
  const result = await tool('vitest/vitest.mjs', args, { timeoutMs: 15 * minuteMs });
  return parseVitest(readJson(json), result.code === 0);
}

/** @param {'journeys' | 'tour'} project */
async function playwright(project) {
  const json = `out/test/${project}.json`;
  const result = await runPlaywright(project, { json, timeoutMs: 15 * minuteMs });
  if (result.code !== 0) say(`playwright ${describeEnd(result)}`);
  return parsePlaywright(readJson(fromRoot(json)), result.code === 0);
}

/** @type {readonly Ring[]} */
export const rings = [
  { name: 'typecheck', what: 'TypeScript, every project', run: typecheck },
  { name: 'lint', what: 'Biome and the dependency directions', run: lint },
  { name: 'native', what: 'kernels and networks in C++, at every instruction set', run: kernels },
  { name: 'goldens', what: 'reference vectors through the addon', run: goldens },
  { name: 'unit', what: 'addon, engine, formats, store, main and renderer (Vitest)', run: unit },
  {
    name: 'journeys',
    what: 'what a person does, in the real Electron (Playwright)',
    run: () => playwright('journeys'),
  },
];

/** Run only when named: it trains for minutes. @type {readonly Ring[]} */
export const extraRings = [
  { name: 'tour', what: 'the whole job in the real Electron', run: () => playwright('tour') },
];
