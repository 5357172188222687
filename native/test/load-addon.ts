/** The addon under test: native/build/qat_native.node, or the one QAT_ADDON_PATH names (sanitizer builds). */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defaultAddonPath, loadNative, type NativeAddon } from '../index.js';

export const appRoot = resolve(fileURLToPath(import.meta.url), '../../..');
export const addonPath = process.env.QAT_ADDON_PATH || defaultAddonPath(appRoot);

export function loadAddon(): NativeAddon {
  if (!existsSync(addonPath)) {
    throw new Error(`The addon is not built: ${addonPath} is missing. Run "npm run build:native" first.`);
  }
  return loadNative(addonPath);
}
