'use strict';

/**
 * Takes the place of Electron's default application in a runtime that came without it: gives the process the
 * identity of the application in the folder named on the command line and loads that application's main file.
 */
const { existsSync, readFileSync, statSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname, isAbsolute, join, resolve } = require('node:path');
const electron = require('electron');
const { parseArguments } = require('./arguments.cjs');

/**
 * What Electron's own default application uses too, but the type declarations leave out.
 * @typedef {{ setVersion(version: string): void, setAppPath(path: string): void, setDesktopName(name: string): void }} Unlisted
 */
const app = /** @type {Electron.App & Unlisted} */ (electron.app);

/**
 * @param {string} target a folder with a package.json, or a script
 * @returns {{ root: string, main: string, manifest: Record<string, string> }}
 */
function findApplication(target) {
  const path = resolve(target);
  if (!existsSync(path)) throw new Error(`There is no application at ${path}`);
  if (statSync(path).isFile()) return { root: dirname(path), main: path, manifest: {} };
  const manifestPath = join(path, 'package.json');
  if (!existsSync(manifestPath)) throw new Error(`${path} has no package.json`);
  const manifest = JSON.parse(readFileSync(manifestPath, 'utf8'));
  return {
    root: path,
    main: createRequire(manifestPath).resolve(join(path, manifest.main ?? 'index.js')),
    manifest,
  };
}

/**
 * @param {string} root
 * @param {Record<string, string>} manifest
 */
function assumeIdentity(root, manifest) {
  const name = manifest.productName ?? manifest.name;
  if (name) app.setName(name);
  if (manifest.version) app.setVersion(manifest.version);
  if (manifest.desktopName) app.setDesktopName(manifest.desktopName);
  app.setAppPath(root);
  // The path was derived from the launcher's own name before this file was loaded.
  const chosen = app.commandLine.getSwitchValue('user-data-dir');
  app.setPath(
    'userData',
    chosen && isAbsolute(chosen) ? chosen : join(app.getPath('appData'), app.getName()),
  );
}

function launch() {
  const options = parseArguments(process.argv.slice(1));
  if (options.version) {
    process.stdout.write(`v${process.versions.electron}\n`);
    process.exit(0);
  }
  if (options.folder === undefined) {
    throw new Error('usage: electron [switches] [-r module] <folder> [arguments]');
  }
  const application = findApplication(options.folder);
  Object.assign(process, { defaultApp: true });
  assumeIdentity(application.root, application.manifest);
  const requireFromHere = createRequire(join(process.cwd(), 'electron'));
  for (const module of options.modules) requireFromHere(module);
  // As the main module, so that `require.main === module` is true in it.
  const loader = /** @type {{ _load(path: string, parent: null, isMain: boolean): unknown }} */ (
    /** @type {unknown} */ (require('node:module'))
  );
  loader._load(application.main, null, true);
}

try {
  launch();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  process.exit(1);
}
