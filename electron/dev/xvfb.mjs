/** A private X server without a screen, for as long as this process lives. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { SetupError } from './say.mjs';

const startMs = 20_000;

/**
 * @typedef {object} Display
 * @property {string} name e.g. `:99`, for DISPLAY
 * @property {() => Promise<void>} stop ends the server; resolves when it has gone
 */

/** @returns {boolean} whether windows can be shown to a person here */
export function hasDisplay() {
  if (process.platform !== 'linux') return true;
  return Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);
}

/**
 * Starts Xvfb on a display number that is free (the server itself picks it, so two starts cannot collide).
 * @param {{ width?: number, height?: number }} [size] in pixels
 * @returns {Promise<Display>}
 */
export async function startXvfb({ width = 1920, height = 1080 } = {}) {
  const args = [
    '-displayfd',
    '3',
    '-screen',
    '0',
    `${width}x${height}x24`,
    '-nolisten',
    'tcp',
    '-noreset',
    '-dpi',
    '96',
  ];
  // setpriv (util-linux) has the kernel end the server with us even when we are killed.
  const tied = existsSync('/usr/bin/setpriv');
  const [command, tie] = tied ? ['setpriv', ['--pdeathsig', 'TERM', 'Xvfb']] : ['Xvfb', []];
  /** @type {import('node:child_process').ChildProcess} */
  const child = spawn(command, [...tie, ...args], { stdio: ['ignore', 'ignore', 'pipe', 'pipe'] });
  const gone = new Promise((resolve) => child.once('close', resolve));
  const end = () => child.kill('SIGTERM');
  process.once('exit', end);
  const number = await displayNumber(child);
  // What it prints later (mostly about keymaps) is nobody's concern, but must be read or it would block.
  child.stderr?.resume();
  child.unref();
  for (const stream of child.stdio) /** @type {import('node:net').Socket | null} */ (stream)?.unref?.();
  return {
    name: `:${number}`,
    stop: async () => {
      process.off('exit', end);
      child.ref();
      end();
      await gone;
    },
  };
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @returns {Promise<number>}
 */
function displayNumber(child) {
  return new Promise((resolve, reject) => {
    let errors = '';
    let written = '';
    const fail = (/** @type {string} */ reason) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new SetupError(`Xvfb did not start: ${reason}\n${errors.trim()}`, 'npm run doctor'));
    };
    const timer = setTimeout(() => fail(`no display after ${startMs / 1000} s`), startMs);
    child.stderr?.on('data', (text) => (errors += text));
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code, signal) => fail(`it ended (${signal ?? code})`));
    child.stdio[3]?.on('data', (text) => {
      written += text;
      if (!written.endsWith('\n')) return;
      clearTimeout(timer);
      child.removeAllListeners('exit');
      resolve(Number.parseInt(written, 10));
    });
  });
}
