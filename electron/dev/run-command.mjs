/** Child processes: with their output shown or collected, bounded in time, never through a shell. */
import { spawn } from 'node:child_process';

/** Between asking a command to end and killing it. */
const graceMs = 10_000;
const longestTimerMs = 2 ** 31 - 1;

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
    // With a time limit the command leads its own process group, so that the group can be ended as one.
    const ownGroup = timeoutMs !== undefined && process.platform !== 'win32';
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env,
      stdio: ['ignore', sink, sink],
      detached: ownGroup,
    });
    const group = new ProcessGroup(child.pid, ownGroup);
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      group.end('SIGTERM');
    }, timeoutMs ?? longestTimerMs);
    const collected = { stdout: '', stderr: '' };
    for (const name of /** @type {const} */ (['stdout', 'stderr'])) {
      child[name]?.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
        collected[name] += text;
        if (output === 'both') process[name].write(text);
      });
    }
    const done = () => {
      clearTimeout(timer);
      group.forget();
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

/** A started command and all it started, which must not outlive us. */
class ProcessGroup {
  /** @type {NodeJS.Timeout | undefined} */
  #killTimer;
  /** @type {number | undefined} */
  #exitCode;
  #killNow = () => this.#send('SIGKILL');
  #onSignal = (/** @type {NodeJS.Signals} */ signal) => {
    this.end(signal);
    this.#exitCode = signal === 'SIGINT' ? 130 : 143;
  };

  /**
   * @param {number | undefined} pid undefined when it could not be started
   * @param {boolean} isOwnGroup whether it leads a process group; such a group does not hear Ctrl+C by itself
   */
  constructor(pid, isOwnGroup) {
    this.pid = pid;
    this.isOwnGroup = isOwnGroup;
    if (!isOwnGroup) return;
    process.once('exit', this.#killNow);
    process.on('SIGINT', this.#onSignal);
    process.on('SIGTERM', this.#onSignal);
  }

  /**
   * Asks it to end (Playwright closes its applications then), and kills it when it does not.
   * @param {NodeJS.Signals} signal
   */
  end(signal) {
    this.#send(signal);
    this.#killTimer ??= setTimeout(this.#killNow, graceMs);
  }

  /** To be called when it has ended: nothing is left to watch. */
  forget() {
    clearTimeout(this.#killTimer);
    process.off('exit', this.#killNow);
    process.off('SIGINT', this.#onSignal);
    process.off('SIGTERM', this.#onSignal);
    // We were told to end, and waited for it to end first.
    if (this.#exitCode !== undefined) process.exit(this.#exitCode);
  }

  /** @param {NodeJS.Signals} signal */
  #send(signal) {
    if (this.pid === undefined) return;
    try {
      process.kill(this.isOwnGroup ? -this.pid : this.pid, signal);
    } catch {
      // It has ended by itself.
    }
  }
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
