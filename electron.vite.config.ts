import { builtinModules } from 'node:module';
import { fileURLToPath } from 'node:url';
import tailwindcss from '@tailwindcss/vite';
import { defineConfig } from 'electron-vite';
import { reactPlugins } from './vite.react.js';

const fromRoot = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** All that may stay a `require` in the bundles: Electron itself and Node's own modules. */
const external = ['electron', /^node:/, ...builtinModules];

// The oldest Electron we run on is 25 (Chromium 114, Node 18.15); the pinned one is newer. Its main process
// cannot load ES modules, so main is CommonJS; a sandboxed preload has to be CommonJS in one file anyway.
// Dependencies are bundled (externalizeDeps: false): the bundle is lowered to node18, node_modules is not.
export default defineConfig({
  main: {
    build: {
      outDir: fromRoot('out/main'),
      target: 'node18',
      externalizeDeps: false,
      sourcemap: true,
      minify: false,
      lib: { entry: fromRoot('electron/main/index.ts'), formats: ['cjs'] },
      rolldownOptions: {
        external,
        output: { entryFileNames: 'index.cjs', codeSplitting: false },
      },
    },
  },
  preload: {
    build: {
      outDir: fromRoot('out/preload'),
      target: 'node18',
      externalizeDeps: false,
      sourcemap: true,
      minify: false,
      lib: { entry: fromRoot('electron/preload/index.ts'), formats: ['cjs'] },
      rolldownOptions: {
        // A sandboxed preload can require electron (and a handful of shims) only: everything else is bundled.
        external: ['electron'],
        output: { entryFileNames: 'index.cjs', codeSplitting: false },
      },
    },
  },
  renderer: {
    root: fromRoot('renderer'),
    base: './',
    plugins: [...reactPlugins, tailwindcss()],
    build: {
      outDir: fromRoot('out/renderer'),
      target: 'chrome114',
      cssTarget: 'chrome114',
      sourcemap: true,
      minify: true,
      // The page's policy allows no inline scripts and no data: sources, so nothing is ever inlined.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      chunkSizeWarningLimit: 4096,
      rolldownOptions: {
        input: fromRoot('renderer/index.html'),
        // The React Compiler takes most of the build, as is known: no need to say so each time.
        checks: { bundlerTimings: false },
      },
    },
  },
});
