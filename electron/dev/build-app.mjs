/** Bundles main, preload and renderer into out/: `node electron/dev/build-app.mjs`. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { contentDigest, readStamp, writeStamp } from './content-digest.mjs';
import { withFileLock } from './file-lock.mjs';
import { fromRoot, root } from './paths.mjs';
import { describeEnd, runCommand } from './run-command.mjs';
import { runMain, SetupError, say, secondsSince } from './say.mjs';

/** Everything the bundles are made from. */
export const appSources = [
  ...['contract', 'engine', 'formats', 'main', 'preload', 'store'].map((name) => `electron/${name}`),
  'native/index.ts',
  'native/ops.ts',
  'native/quantizer.ts',
  'renderer',
  'electron.vite.config.ts',
  'vite.react.ts',
  'package.json',
  'package-lock.json',
  'tsconfig.base.json',
].map((path) => fromRoot(path));

const outputs = ['main/index.cjs', 'preload/index.cjs', 'renderer/index.html'].map((path) =>
  fromRoot('out', path),
);
const stampPath = fromRoot('out', 'build-stamp.json');

/** Bundles the application unless its sources are those of the last build. */
export async function buildApp() {
  const digest = sourcesDigest();
  if (isCurrent(digest)) return;
  await withFileLock(
    fromRoot('out', 'build.lock'),
    async () => {
      if (isCurrent(digest)) return;
      const startMs = performance.now();
      const cli = fromRoot('node_modules', 'electron-vite', 'bin', 'electron-vite.js');
      if (!existsSync(cli)) throw new SetupError('The packages are not installed', 'npm ci');
      const result = await runCommand(process.execPath, [cli, 'build', '--logLevel', 'warn'], {
        cwd: root,
        env: process.stdout.isTTY ? process.env : { ...process.env, NO_COLOR: '1' },
        timeoutMs: 15 * 60_000,
      });
      if (result.code !== 0) {
        throw new SetupError(
          `Bundling the application ${describeEnd(result)}:\n${`${result.stdout}\n${result.stderr}`.trim()}`,
          'Fix what the bundler reports; npm run typecheck often says it better.',
        );
      }
      process.stdout.write(result.stdout);
      process.stderr.write(result.stderr);
      writeStamp(stampPath, { app: digest });
      say(`bundled the application (${secondsSince(startMs)})`);
    },
    { onWait: (pid) => say(`process ${pid} is bundling the application; waiting for it`) },
  );
}

/** @param {string} digest */
function isCurrent(digest) {
  return readStamp(stampPath).app === digest && outputs.every((path) => existsSync(path));
}

/** @returns {string} changes when, and only when, the bundles would */
export function sourcesDigest() {
  return contentDigest(appSources, { accept: (name) => !/\.test\.[cm]?[jt]sx?$/.test(name) });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runMain(buildApp);
