/** Which folder may import what (docs/architecture.md): the one table that check-boundaries.mjs enforces. */

/**
 * @typedef {object} Zone
 * @property {string} folder with forward slashes, relative to the root; the longest match counts
 * @property {readonly string[]} zones other folders it may import from, by their `folder`
 * @property {readonly string[] | 'any'} packages npm packages it may import
 * @property {boolean} node whether it may import Node's modules
 */

const features = [
  'model',
  'quantizer',
  'distribution',
  'error',
  'training',
  'compare',
  'sweep',
  'export',
  'transforms',
];
const runCurves = 'renderer/src/features/curves';
/** What draws: any package of the renderer, no Node, no Electron. @type {Pick<Zone, 'packages' | 'node'>} */
const page = { packages: 'any', node: false };

/** @type {readonly Zone[]} */
export const zones = [
  { folder: 'electron/contract', zones: [], packages: ['zod'], node: false },
  { folder: 'electron/formats', zones: ['electron/contract'], packages: [], node: true },
  {
    folder: 'electron/store',
    zones: ['electron/contract', 'electron/formats'],
    packages: ['zod'],
    node: true,
  },
  {
    folder: 'electron/engine',
    zones: ['electron/contract', 'electron/formats', 'electron/store', 'native'],
    packages: ['zod'],
    node: true,
  },
  {
    folder: 'electron/main',
    zones: ['electron/contract', 'electron/formats', 'electron/store', 'electron/engine'],
    packages: ['electron', 'electron-log', 'zod'],
    node: true,
  },
  { folder: 'electron/preload', zones: ['electron/contract'], packages: ['electron'], node: false },
  {
    folder: 'electron/cli',
    zones: ['electron/contract', 'electron/formats', 'electron/store', 'electron/engine'],
    packages: ['zod'],
    node: true,
  },
  { folder: 'electron/dev', zones: [], packages: ['vite'], node: true },
  // The launcher is the application that a bare runtime starts.
  { folder: 'electron/dev/launcher', zones: [], packages: ['electron'], node: true },
  { folder: 'native', zones: [], packages: [], node: true },
  // Tests of the addon build their inputs with the real readers.
  {
    folder: 'native/test',
    zones: ['native', 'electron/formats', 'electron/contract'],
    packages: [],
    node: true,
  },
  {
    folder: 'native/bench',
    zones: ['native', 'electron/formats', 'electron/contract'],
    packages: [],
    node: true,
  },
  { folder: 'renderer/src/host', zones: ['electron/contract'], ...page },
  { folder: 'renderer/src/ui', zones: [], ...page },
  { folder: 'renderer/src/charts', zones: ['renderer/src/ui'], ...page },
  // What training and compare both draw of runs; below the features, above the charts.
  {
    folder: runCurves,
    zones: ['renderer/src/host', 'renderer/src/ui', 'renderer/src/charts', 'electron/contract'],
    ...page,
  },
  ...features.map((name) => ({
    folder: `renderer/src/features/${name}`,
    zones: [
      'renderer/src/host',
      'renderer/src/ui',
      'renderer/src/charts',
      runCurves,
      'renderer/src',
      'electron/contract',
    ],
    ...page,
  })),
  {
    folder: 'renderer/src/app',
    zones: [
      'renderer/src/host',
      'renderer/src/ui',
      'renderer/src/charts',
      'renderer/src',
      'electron/contract',
      ...features.map((name) => `renderer/src/features/${name}`),
    ],
    ...page,
  },
  { folder: 'renderer/src', zones: ['renderer/src/host', 'renderer/src/ui', 'electron/contract'], ...page },
  {
    folder: 'e2e',
    zones: ['electron/contract', 'electron/formats'],
    packages: ['@playwright/test', 'axe-core', 'zod'],
    node: true,
  },
];

/** What test files (and a `test-support.ts`) may import besides; `vite` bundles a child process to be killed. */
export const testPackages = [
  'vitest',
  'vite',
  'fast-check',
  '@testing-library/react',
  '@testing-library/user-event',
  'axe-core',
];

/** Packages that only some folders may name although others may name "any". */
export const closedPackages = ['electron', 'electron-log', 'electron-vite'];

/** The C++ folders that may include Node-API's headers, and must not be included from elsewhere. */
export const addonFolder = 'native/src/addon';

/** The only folder that may touch the preload's bridge. */
export const hostFolder = 'renderer/src/host';

/**
 * @param {string} file relative to the root, forward slashes
 * @returns {Zone | undefined}
 */
export function zoneOf(file) {
  /** @type {Zone | undefined} */
  let best;
  for (const zone of zones) {
    if (!file.startsWith(`${zone.folder}/`)) continue;
    if (!best || zone.folder.length > best.folder.length) best = zone;
  }
  return best;
}
