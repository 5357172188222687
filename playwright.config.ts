import { defineConfig } from '@playwright/test';

/**
 * Drives the built application in a real Electron. The global set-up builds what is out of date, finds the
 * runtime and a display, and hands them over as QAT_ELECTRON_PATH and DISPLAY.
 */
export default defineConfig({
  testDir: 'e2e',
  outputDir: 'out/playwright',
  globalSetup: './electron/dev/playwright-setup.mjs',
  // One application at a time: the journeys measure times and own the display.
  workers: 1,
  fullyParallel: false,
  retries: 0,
  forbidOnly: true,
  timeout: 120_000,
  expect: { timeout: 15_000 },
  reporter: [
    ['list'],
    ['json', { outputFile: process.env.QAT_PLAYWRIGHT_JSON ?? 'out/test/playwright.json' }],
  ],
  use: { screenshot: 'only-on-failure', trace: 'retain-on-failure' },
  projects: [
    { name: 'journeys', testMatch: 'journeys/**/*.spec.ts' },
    { name: 'tour', testMatch: 'tour/**/*.spec.ts', timeout: 900_000 },
  ],
});
