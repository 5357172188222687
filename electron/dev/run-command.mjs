/** Child processes: with their output shown or collected, bounded in time, never through a shell. */
import { spawn } from 'node:child_process';

/**
 * @typedef {object} CommandResult
 * @property {number | null} code the exit code, null when a signal ended it
 * @property {NodeJS.Signals | null} signal
 * @property {string} stdout
 * @property {string} stderr
 * @property {boolean} timedOut
 */

/**
 * @typedef {object} CommandOptions
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env]
 * @property {'collect' | 'show' | 'both'} [output] default `collect`
 * @property {number} [timeoutMs] then the command and everything it started is killed
 */

/**
 * Runs a command to its end. It is a failure to start it that rejects; a non-zero exit is a result.
 * @param {string} command
 * @param {string[]} args
 * @param {CommandOptions} [options]
 * @returns {Promise<CommandResult>}
 */
export function runCommand(command, args, options = {}) {
  const { output = 'collect', timeoutMs } = options;
  const sink = output === 'show' ? 'inherit' : 'pipe';
  return new Promise((resolve, reject) => {
    // With a time limit the command leads its own process group, so that the group can be killed as one.
    const ownGroup = timeoutMs !== undefined && process.platform !== 'win32';
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env,
      stdio: ['ignore', sink, sink],
      detached: ownGroup,
    });
    const kill = () => killGroup(child.pid, ownGroup);
    const untie = ownGroup ? killOnExit(kill) : () => {};
    let timedOut = false;
    const timer = timeoutMs
      ? setTimeout(() => {
          timedOut = true;
          kill();
        }, timeoutMs)
      : undefined;
    const collected = { stdout: '', stderr: '' };
    for (const name of /** @type {const} */ (['stdout', 'stderr'])) {
      child[name]?.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
        collected[name] += text;
        if (output === 'both') process[name].write(text);
      });
    }
    const done = () => {
      clearTimeout(timer);
      untie();
    };
    child.once('error', (error) => {
      done();
      reject(error);
    });
    child.once('close', (code, signal) => {
      done();
      resolve({ code, signal, ...collected, timedOut });
    });
  });
}

/**
 * @param {number | undefined} pid
 * @param {boolean} ownGroup
 */
function killGroup(pid, ownGroup) {
  if (pid === undefined) return;
  try {
    process.kill(ownGroup ? -pid : pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/**
 * A group of its own does not hear Ctrl+C: pass our end on to it.
 * @param {() => void} kill
 * @returns {() => void} undoes it
 */
function killOnExit(kill) {
  const onSignal = (/** @type {NodeJS.Signals} */ signal) => {
    kill();
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.once('exit', kill);
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  return () => {
    process.off('exit', kill);
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  };
}

/**
 * @param {CommandResult} result
 * @returns {string} how it ended, for an error message
 */
export function describeEnd(result) {
  if (result.timedOut) return 'ran out of time';
  return result.signal ? `was ended by ${result.signal}` : `ended with code ${result.code}`;
}

/**
 * @param {string} command a program looked for in PATH
 * @returns {Promise<boolean>} whether it can be started
 */
export async function isRunnable(command) {
  try {
    return (await runCommand(command, ['--version'], { timeoutMs: 10_000 })).code !== null;
  } catch {
    return false;
  }
}

/**
 * npm, as the person runs it: the npm that started us, else the one in PATH; its registry settings apply.
 * @param {string[]} args
 * @param {CommandOptions} [options]
 */
export function runNpm(args, options) {
  const started = process.env.npm_execpath;
  if (started && /npm-cli\.c?js$/.test(started))
    return runCommand(process.execPath, [started, ...args], options);
  return runCommand('npm', args, options);
}
