/**
 * Playwright's global set-up: everything built, an Electron in QAT_ELECTRON_PATH, a display in DISPLAY. So
 * `npx playwright test` alone works too, on a fresh machine.
 */
import { prepare } from './prepare.mjs';
import { sayError } from './say.mjs';
import { startXvfb } from './xvfb.mjs';

/** @returns {Promise<() => Promise<void>>} the tear-down */
// biome-ignore lint/style/noDefaultExport: the shape that Playwright asks for
export default async function setUp() {
  try {
    const xvfb = process.platform === 'linux' && !process.env.QAT_TEST_ON_SCREEN;
    const runtime = await prepare({ xvfb });
    process.env.QAT_ELECTRON_PATH = runtime.executable;
    if (!xvfb) return async () => {};
    const display = await startXvfb();
    process.env.DISPLAY = display.name;
    delete process.env.WAYLAND_DISPLAY;
    return display.stop;
  } catch (error) {
    sayError(error);
    throw new Error('The set-up failed; the reason is above.');
  }
}
