/** The pinned Electron, downloaded by its own installer from where Electron publishes its binaries. */
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { electronPackage } from './paths.mjs';
import { describeEnd, runCommand } from './run-command.mjs';

const probeMs = 4_000;
const downloadMs = 5 * 60_000;

/** The executable's place inside a distribution of Electron, by platform. */
export const executableInDist =
  process.platform === 'darwin'
    ? 'Electron.app/Contents/MacOS/Electron'
    : process.platform === 'win32'
      ? 'electron.exe'
      : 'electron';

/** @returns {string} the version that package.json pins */
export function pinnedVersion() {
  return JSON.parse(readFileSync(join(electronPackage, 'package.json'), 'utf8')).version;
}

/** @returns {string | undefined} the executable, if the pinned version has been installed */
export function installedOfficial() {
  const dist = join(electronPackage, 'dist');
  try {
    const version = readFileSync(join(dist, 'version'), 'utf8').trim().replace(/^v/, '');
    const executable = join(dist, executableInDist);
    return version === pinnedVersion() && existsSync(executable) ? executable : undefined;
  } catch {
    return undefined;
  }
}

/**
 * @typedef {{ executable: string } | { reason: string }} OfficialResult
 */

/**
 * @returns {Promise<OfficialResult>} the installed executable, or why there is none
 */
export async function downloadOfficial() {
  if (process.env.ELECTRON_SKIP_BINARY_DOWNLOAD) return { reason: 'ELECTRON_SKIP_BINARY_DOWNLOAD is set' };
  const server = downloadServer(process.env);
  // A closed network often drops packets silently; the installer would sit there for minutes.
  if (!usesProxy(process.env)) {
    const problem = await probe(server);
    if (problem) return { reason: `${server.hostname} cannot be reached (${problem})` };
  }
  const result = await runCommand(process.execPath, [join(electronPackage, 'install.js')], {
    timeoutMs: downloadMs,
  });
  const executable = installedOfficial();
  if (executable) return { executable };
  const detail = /^\w*Error:.*$/m.exec(result.stderr)?.[0] ?? result.stderr.trim().split('\n').at(-1) ?? '';
  return { reason: `its installer ${describeEnd(result)}${detail ? `: ${detail}` : ''}` };
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {URL} where the installer will download from; mirrors are set with ELECTRON_MIRROR
 */
export function downloadServer(env) {
  const mirror = env.ELECTRON_MIRROR || env.npm_config_electron_mirror;
  return new URL(mirror && URL.canParse(mirror) ? mirror : 'https://github.com/');
}

/** @param {NodeJS.ProcessEnv} env */
function usesProxy(env) {
  return Boolean(env.HTTPS_PROXY || env.https_proxy || env.ALL_PROXY || env.all_proxy);
}

/**
 * @param {URL} server
 * @returns {Promise<string | undefined>} undefined when a connection was made, else what went wrong
 */
function probe(server) {
  const port = server.port ? Number(server.port) : server.protocol === 'http:' ? 80 : 443;
  return new Promise((resolve) => {
    const socket = connect({ host: server.hostname, port });
    const finish = (/** @type {string | undefined} */ problem) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(problem);
    };
    // Not socket.setTimeout: that does not run while the name is being resolved.
    const timer = setTimeout(() => finish(`no answer in ${probeMs / 1000} s`), probeMs);
    socket.once('connect', () => finish(undefined));
    socket.once('error', (error) =>
      finish(/** @type {NodeJS.ErrnoException} */ (error).code ?? error.message),
    );
  });
}
