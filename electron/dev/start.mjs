/**
 * `npm start [-- file.safetensors]`: sets up what is missing, builds what is out of date, opens the workbench.
 * `--watch` builds again and opens a new window when a source changes.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { sandboxArguments } from './launch-options.mjs';
import { root } from './paths.mjs';
import { prepare } from './prepare.mjs';
import { runMain, say } from './say.mjs';
import { runTour } from './tour.mjs';
import { watchSources } from './watch-sources.mjs';
import { hasDisplay } from './xvfb.mjs';

/**
 * @param {string} executable
 * @param {string[]} args the application's
 */
function launch(executable, args) {
  const env = { ...process.env };
  // Set by editors built on Electron; it would turn ours into a plain Node.
  delete env.ELECTRON_RUN_AS_NODE;
  if (!env.DISPLAY && env.WAYLAND_DISPLAY) env.ELECTRON_OZONE_PLATFORM_HINT ??= 'auto';
  // Chromium's own log speaks of buses and graphics cards that a person cannot do anything about.
  const quiet = '--log-level=3';
  return spawn(executable, [...sandboxArguments(), quiet, root, ...args], { stdio: 'inherit', env });
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @returns {Promise<number>} the exit code
 */
async function ended(child) {
  const pass = (/** @type {NodeJS.Signals} */ signal) => child.kill(signal);
  process.on('SIGINT', pass);
  process.on('SIGTERM', pass);
  const [code, signal] = await once(child, 'close');
  process.off('SIGINT', pass);
  process.off('SIGTERM', pass);
  if (signal) say(`the workbench was ended by ${signal}`);
  return code ?? 1;
}

/**
 * @param {string} executable
 * @param {string[]} args
 */
async function startAndWatch(executable, args) {
  let child = launch(executable, args);
  let restarting = false;
  const stop = watchSources(async () => {
    await prepare();
    restarting = true;
    child.kill();
  });
  for (;;) {
    const code = await ended(child);
    if (!restarting) {
      stop();
      return code;
    }
    restarting = false;
    child = launch(executable, args);
  }
}

async function main() {
  const args = process.argv.slice(2);
  const watch = args.includes('--watch');
  // npm runs scripts in the project's folder; what the person typed was relative to theirs.
  const from = process.env.INIT_CWD ?? process.cwd();
  const files = args
    .filter((arg) => arg !== '--watch')
    .map((arg) => (arg.startsWith('-') ? arg : resolve(from, arg)));
  if (!hasDisplay()) {
    say('there is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set):');
    say('running the guided tour on a display without a screen instead, as npm run tour does');
    return runTour();
  }
  const runtime = await prepare();
  return watch ? startAndWatch(runtime.executable, files) : ended(launch(runtime.executable, files));
}

await runMain(main);
