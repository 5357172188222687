import { defineConfig } from 'vitest/config';
import { reactPlugins } from './vite.react.js';

export default defineConfig({
  test: {
    // The tests themselves are threaded natively; more workers than cores only makes timings worse.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      {
        // Without this a project does not get the time limits above.
        extends: true,
        test: {
          name: 'node',
          environment: 'node',
          // A process per file: a crash of the addon fails one file, not the run.
          pool: 'forks',
          include: ['electron/**/*.test.{ts,mjs}', 'native/test/**/*.test.ts'],
        },
      },
      {
        extends: true,
        plugins: reactPlugins,
        test: {
          name: 'renderer',
          environment: 'happy-dom',
          // Testing Library cleans up after each test only when it finds the global afterEach.
          globals: true,
          // theme.test.ts reads the tokens out of the style sheet; others stay empty, as is the default.
          css: { include: [/theme\.css/] },
          include: ['renderer/**/*.test.{ts,tsx}'],
        },
      },
    ],
  },
});
