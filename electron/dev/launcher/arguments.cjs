'use strict';

/**
 * @typedef {object} LauncherOptions
 * @property {boolean} version print Electron's version and stop
 * @property {string[]} modules modules to load before the application
 * @property {string | undefined} folder the application
 */

/**
 * Understands `electron [switches] [-r module]… <folder> [arguments of the application]…` and `--version`.
 * Everything after the folder is the application's own; unknown switches before it are Chromium's.
 * @param {readonly string[]} args the command line without the executable
 * @returns {LauncherOptions}
 */
function parseArguments(args) {
  /** @type {LauncherOptions} */
  const options = { version: false, modules: [], folder: undefined };
  for (let i = 0; i < args.length; ++i) {
    const arg = args[i] ?? '';
    if (arg === '--version' || arg === '-v') {
      options.version = true;
      break;
    }
    if (arg === '-r' || arg === '--require') {
      const module = args[++i];
      if (module === undefined) throw new Error(`${arg} needs the module to load`);
      options.modules.push(module);
    } else if (arg.startsWith('--require=') || arg.startsWith('-r=')) {
      options.modules.push(arg.slice(arg.indexOf('=') + 1));
    } else if (arg.startsWith('--app=')) {
      options.folder = arg.slice('--app='.length);
      break;
    } else if (!arg.startsWith('-')) {
      options.folder = arg;
      break;
    }
  }
  return options;
}

module.exports = { parseArguments };
