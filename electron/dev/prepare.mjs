/** Everything the application needs before it can run, fetched and built side by side. */
import { buildApp } from './build-app.mjs';
import { buildNative } from './build-native.mjs';
import { resolveElectron } from './electron-runtime.mjs';
import { ensureFonts, ensureLibraries } from './system.mjs';

/**
 * @param {{ nativeTests?: boolean }} [options]
 * @returns {Promise<import('./electron-runtime.mjs').ElectronRuntime>}
 */
export async function prepare({ nativeTests = false } = {}) {
  // The compiler keeps the processor busy, the runtime the network: one need not wait for the other.
  const [runtime] = await allDone([prepareRuntime(), buildNative({ tests: nativeTests }).then(buildApp)]);
  return runtime;
}

/** @returns {Promise<import('./electron-runtime.mjs').ElectronRuntime>} an Electron with all its libraries */
export async function prepareRuntime() {
  const runtime = await resolveElectron();
  await ensureLibraries(runtime.executable);
  await ensureFonts();
  return runtime;
}

/**
 * Like Promise.all, but after a failure still waits for the others: nothing goes on behind an error message.
 * @template {readonly unknown[]} T
 * @param {T} work
 * @returns {Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }>}
 */
async function allDone(work) {
  await Promise.allSettled(work);
  return Promise.all(work);
}
