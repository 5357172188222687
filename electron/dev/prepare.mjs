/** Everything the application needs before it can run, fetched and built side by side. */
import { buildApp } from './build-app.mjs';
import { buildNative } from './build-native.mjs';
import { resolveElectron } from './electron-runtime.mjs';
import { ensureElectronSystem } from './system.mjs';

/**
 * @param {{ xvfb?: boolean }} [options] `xvfb`: with a display without a screen
 * @returns {Promise<import('./electron-runtime.mjs').ElectronRuntime>}
 */
export async function prepare({ xvfb = false } = {}) {
  // The compiler keeps the processor busy, the runtime the network: one need not wait for the other.
  const [runtime] = await allDone([prepareRuntime({ xvfb }), buildNative().then(buildApp)]);
  return runtime;
}

/**
 * @param {{ xvfb: boolean }} wanted
 * @returns {Promise<import('./electron-runtime.mjs').ElectronRuntime>} an Electron that can start
 */
export async function prepareRuntime({ xvfb }) {
  const runtime = await resolveElectron();
  await ensureElectronSystem(runtime.executable, { xvfb });
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
