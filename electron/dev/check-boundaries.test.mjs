import { describe, expect, it } from 'vitest';
import { checkBoundaries } from './check-boundaries.mjs';

/** @param {Record<string, string>} files */
const messages = (files) =>
  checkBoundaries(new Map(Object.entries(files))).map(
    ({ file, line, message }) => `${file}:${line} ${message}`,
  );

describe('planted violations are found', () => {
  it.each([
    ['electron/contract/a.ts', `import { readFileSync } from 'node:fs';`, 'must not import Node’s node:fs'],
    ['electron/contract/a.ts', `import { q } from '../engine/q.js';`, 'must not import electron/engine'],
    ['electron/contract/a.ts', `import { useState } from 'react';`, 'must not import the package react'],
    ['electron/formats/a.ts', `import type { S } from '../store/s.js';`, 'must not import electron/store'],
    ['electron/formats/a.ts', `import { app } from 'electron';`, 'must not import the package electron'],
    [
      'electron/engine/a.ts',
      `const { app } = await import('electron');`,
      'must not import the package electron',
    ],
    ['electron/engine/a.ts', `const { app } = require('electron');`, 'must not import the package electron'],
    ['electron/engine/a.ts', `export { x } from '../main/x.js';`, 'must not import electron/main'],
    ['electron/main/a.ts', `import { loadNative } from '../../native/index.js';`, 'must not import native'],
    ['electron/preload/a.ts', `import 'node:path';`, 'must not import Node’s node:path'],
    ['electron/preload/a.ts', `import 'path';`, 'must not import Node’s path'],
    [
      'renderer/src/app/a.tsx',
      `import { x } from '../../../electron/engine/x.js';`,
      'must not import electron/engine',
    ],
    ['renderer/src/app/a.tsx', `type E = import('electron').App;`, 'must not import the package electron'],
    ['renderer/src/ui/a.tsx', `import { x } from '../host/x.js';`, 'must not import renderer/src/host'],
    [
      'renderer/src/charts/a.tsx',
      `import { x } from '../features/model/x.js';`,
      'must not import renderer/src/features',
    ],
    ['renderer/src/features/model/a.tsx', `import { x } from '../quantizer/x.js';`, 'features/quantizer'],
    ['renderer/src/features/model/a.tsx', `const y = <b>{window.qat.version}</b>;`, 'touches window.qat'],
    ['renderer/src/features/model/a.tsx', `const { qat } = window;`, 'touches window.qat'],
    ['renderer/src/features/model/a.tsx', `globalThis['qat'].invoke();`, 'touches window.qat'],
    ['native/src/quant/a.cc', `#include <napi.h>`, 'includes napi.h'],
    ['native/tests/a_test.cc', `#  include "node_api.h"`, 'includes node_api.h'],
    ['native/src/nn/a.cc', `#include "addon/handle.h"`, 'nothing lies above the addon'],
    ['native/include/qat/a.h', `#include "nn/network.h"`, 'a public header must not include nn/network.h'],
    ['scripts/a.ts', `export const a = 1;`, 'lies in no folder'],
    ['electron/engine/a.ts', `export const = 1;`, 'cannot be read'],
  ])('%s: %s', (file, code, expected) => {
    expect(messages({ [file]: code })).toEqual([expect.stringContaining(expected)]);
  });

  it('names the line', () => {
    const code = `/* napi.h\n */\n// #include <napi.h>\n#include <napi.h>\n`;
    expect(messages({ 'native/src/ref/a.cc': code })).toEqual([
      expect.stringMatching(/^native\/src\/ref\/a\.cc:4 /),
    ]);
  });

  it('ipcMain in a second file', () => {
    const code = `import { ipcMain } from 'electron';`;
    expect(messages({ 'electron/main/ipc.ts': code })).toEqual([]);
    expect(messages({ 'electron/main/ipc.ts': code, 'electron/main/menu.ts': code })).toHaveLength(2);
  });
});

describe('what the architecture allows passes', () => {
  it.each([
    ['electron/contract/a.ts', `import { z } from 'zod'; import { b } from './b.js';`],
    [
      'electron/engine/a.ts',
      `import { join } from 'node:path'; import type { N } from '../../native/index.js';`,
    ],
    ['electron/engine/a.test.ts', `import { it } from 'vitest'; import fc from 'fast-check';`],
    ['electron/main/a.ts', `import { app } from 'electron'; import { e } from '../engine/e.js';`],
    ['electron/preload/a.ts', `import { contextBridge } from 'electron';`],
    [
      'renderer/src/host/a.ts',
      `import { x } from '../../../electron/contract/index.js'; window.qat.invoke();`,
    ],
    ['renderer/src/features/model/a.tsx', `import { x } from '../../host/index.js'; import './a.css';`],
    ['renderer/src/features/model/a.tsx', `const text = 'window.qat'; // window.qat, electron`],
    ['native/src/addon/a.cc', `#include <napi.h>\n#include "addon/handle.h"`],
    ['native/src/nn/a.cc', `#include <vector>\n#include "qat/error.h"\n#include "nn/network.h"`],
  ])('%s: %s', (file, code) => {
    expect(messages({ [file]: code })).toEqual([]);
  });
});
