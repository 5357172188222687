import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { hasXvfb } from './system.mjs';
import { startXvfb } from './xvfb.mjs';

it.skipIf(!hasXvfb())(
  'servers started together get displays of their own and are gone when stopped (needs Xvfb)',
  async () => {
    const [one, other] = await Promise.all([startXvfb(), startXvfb({ width: 800, height: 600 })]);
    expect(one.name).toMatch(/^:\d+$/);
    expect(other.name).not.toBe(one.name);
    const socket = (/** @type {string} */ name) => `/tmp/.X11-unix/X${name.slice(1)}`;
    expect(existsSync(socket(one.name))).toBe(true);
    await Promise.all([one.stop(), other.stop()]);
    expect(existsSync(socket(one.name))).toBe(false);
  },
);
