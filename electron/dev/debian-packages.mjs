/** Installs Debian and Ubuntu packages where we may, and says which command does it where we may not. */
import { existsSync, readFileSync } from 'node:fs';
import { describeEnd, isRunnable, runCommand } from './run-command.mjs';
import { SetupError, say, secondsSince } from './say.mjs';

/** @typedef {[] | [string, string]} Prefix what goes before a command that root must run */

let listsUpdated = false;
/** apt takes one caller at a time; so do we. @type {Promise<unknown>} */
let queue = Promise.resolve();

/** @returns {boolean} whether this system's packages come from apt */
export function isDebianLike() {
  return process.platform === 'linux' && existsSync('/usr/bin/apt-get') && existsSync('/etc/debian_version');
}

/**
 * Installs the packages. Rejects with the exact command when that cannot be done here.
 * @param {readonly string[]} packages
 * @param {string} purpose completes "… needed for"
 * @returns {Promise<void>}
 */
export function installPackages(packages, purpose) {
  const result = queue.then(() => install([...new Set(packages)].sort(), purpose));
  queue = result.catch(() => {});
  return result;
}

/**
 * @param {string[]} packages
 * @param {string} purpose
 */
async function install(packages, purpose) {
  if (!isDebianLike())
    throw new SetupError(`Needed for ${purpose}: ${packages.join(', ')}`, manualRemedy(packages));
  const prefix = await privilege();
  if (!prefix)
    throw new SetupError(
      `Needed for ${purpose}, and only root may install it: ${packages.join(', ')}`,
      manualRemedy(packages),
    );
  const startMs = performance.now();
  say(`installing for ${purpose}: ${packages.join(' ')} (apt-get)`);
  if (!listsUpdated) {
    await apt(prefix, ['update', '-qq'], packages);
    listsUpdated = true;
  }
  const names = [];
  for (const name of packages) names.push(await nameHere(name));
  await apt(prefix, ['install', '-y', '-qq', '--no-install-recommends', ...names], packages);
  say(`installed them (${secondsSince(startMs)})`);
}

/**
 * @param {Prefix} prefix
 * @param {string[]} args
 * @param {string[]} packages
 */
async function apt(prefix, args, packages) {
  const [command, ...rest] = [...prefix, 'env'];
  const variables = ['DEBIAN_FRONTEND=noninteractive', 'NEEDRESTART_MODE=l'];
  const call = [...rest, ...variables, 'apt-get', '-o', 'DPkg::Lock::Timeout=120', ...args];
  const result = await runCommand(command, call, { timeoutMs: 20 * 60_000 });
  if (result.code === 0) return;
  const detail = `${result.stderr}\n${result.stdout}`.trim().split('\n').slice(-8).join('\n');
  throw new SetupError(`apt-get ${args[0]} ${describeEnd(result)}\n${detail}`, manualRemedy(packages));
}

/**
 * Ubuntu 24.04 and Debian 13 renamed libraries in their change to 64-bit time: `libgtk-3-0` is `libgtk-3-0t64`.
 * @param {string} name
 */
async function nameHere(name) {
  const { stdout } = await runCommand('apt-cache', ['policy', name, `${name}t64`]);
  const candidates = new Map(
    [...stdout.matchAll(/^(\S+):\n.*\n\s+Candidate: (\S+)/gm)].map((match) => [match[1], match[2]]),
  );
  const has = (/** @type {string} */ key) => candidates.has(key) && candidates.get(key) !== '(none)';
  return !has(name) && has(`${name}t64`) ? `${name}t64` : name;
}

/** @returns {Promise<Prefix | undefined>} what goes before a command that root must run; undefined when we may not */
async function privilege() {
  if (process.getuid?.() === 0) return [];
  if (!(await isRunnable('sudo'))) return undefined;
  return (await runCommand('sudo', ['-n', 'true'])).code === 0 ? ['sudo', '-n'] : undefined;
}

/** @param {readonly string[]} packages Debian's names */
function manualRemedy(packages) {
  if (isDebianLike()) return `sudo apt-get update && sudo apt-get install -y ${packages.join(' ')}`;
  return `Install what your system (${systemName()}) calls these Debian packages: ${packages.join(' ')}`;
}

function systemName() {
  try {
    return /^PRETTY_NAME="?(.*?)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? process.platform;
  } catch {
    return process.platform;
  }
}
