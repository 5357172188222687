/** The proof must fail for every kind of damage between writing and re-reading, and keep no file. */
import { mkdir, open, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { defaultLayerConfig, legalActivation, legalWeight } from '../contract/index.js';
import { openSafetensors } from '../formats/index.js';
import type { EngineContext } from './context.js';
import { runSource } from './export-run.js';
import { type AfterWrite, writeProven } from './export-service.js';
import {
  assetsFolder,
  endedRun,
  makeTestEngine,
  shortTraining,
  type TestEngine,
  testAddon,
  writeSmallDataset,
  writeSmallModel,
} from './test-support.js';

let test: TestEngine;
let runId: string;
let out: string;
beforeAll(async () => {
  test = await makeTestEngine();
  await mkdir(join(test.folder, 'data'));
  await writeSmallDataset(join(test.folder, 'data'));
  await test.engine.project.openModel({ path: await writeSmallModel(join(test.folder, 'm.safetensors')) });
  await test.engine.project.openDataset({ path: join(test.folder, 'data') });
  const { weight, activation } = defaultLayerConfig;
  // 3 bits leave padding at the end of a row of 10 groups; unsigned has zero points.
  const config = { weight: { ...weight, bits: 3 as const, grid: 'unsigned' as const }, activation };
  const twoLevels = {
    weight: legalWeight(weight, { method: 'ttq' }),
    activation: legalActivation(activation, { method: 'lsqPlus' }),
  };
  await test.engine.project.configure({ changes: { 'fc2.weight': config, 'fc3.weight': twoLevels } });
  ({ id: runId } = await test.engine.runs.start({ name: null, training: shortTraining }));
  await test.waitFor(endedRun(runId));
});
afterAll(() => test.end());
beforeEach(async () => {
  out = join(test.folder, `out-${Math.random().toString(36).slice(2)}`);
  await mkdir(out);
});

async function exportDamaged(damage: AfterWrite): Promise<void> {
  const project = test.engine.project.open;
  if (!project) throw new Error('no project');
  const context: EngineContext = {
    addon: testAddon(),
    projectsFolder: join(test.folder, 'projects'),
    assetsFolder,
    jobs: test.engine.jobs,
    libraries: test.engine.libraries,
    emit: () => undefined,
    current: () => project,
  };
  const source = await runSource(context, project, runId);
  try {
    const job = { id: 'j', signal: new AbortController().signal, progress: () => undefined };
    await writeProven(context, source, join(out, 'q.safetensors'), job, damage);
  } finally {
    source.dispose();
  }
}

/** Flips one bit of the tensor's byte `index` through a second handle. */
function flip(tensor: string, index: number): AfterWrite {
  return async (path) => {
    const file = await openSafetensors(path);
    const info = file.tensors.get(tensor);
    if (!info || info.begin + index >= info.end) throw new Error(`${tensor} has no byte ${index}`);
    const handle = await open(path, 'r+');
    const byte = Buffer.alloc(1);
    const position = file.dataStart + info.begin + index;
    await handle.read(byte, 0, 1, position);
    byte[0] = (byte[0] ?? 0) ^ 0x10;
    await handle.write(byte, 0, 1, position);
    await handle.close();
  };
}

describe('the proof of an export', () => {
  it('holds for an undamaged file', async () => {
    await exportDamaged(async () => undefined);
    expect(await readdir(out)).toEqual(['q.safetensors']);
  });

  it.each([
    ['a code', 'fc1.qweight', 100, /1 codes of fc1\.weight differ/],
    ['a code of an unsigned 3-bit layer', 'fc2.qweight', 5, /codes of fc2\.weight differ/],
    ['a scale', 'fc1.scales', 9, /1 scales of fc1\.weight differ/],
    ['a zero point', 'fc2.zero_points', 4, /1 scales of fc2\.weight differ/],
    ['the scale of a minus level', 'fc3.negative_scales', 6, /1 scales of fc3\.weight differ/],
    ['an input shift', 'fc3.input_shift', 1, /input shift of fc3 differs/],
    ['an input scale', 'fc3.input_scale', 1, /input scale of fc3 differs/],
    ['a bias', 'fc2.bias', 2, /tensor fc2\.bias differs/],
    ['a running variance', 'bn1.var', 7, /tensor bn1\.var differs/],
  ])('notices one flipped bit of %s and keeps no file', async (_what, tensor, index, message) => {
    const attempt = exportDamaged(flip(tensor, index));
    await expect(attempt).rejects.toMatchObject({ code: 'E-EXPORT-PROOF' });
    await expect(attempt).rejects.toThrow(message);
    expect(await readdir(out)).toEqual([]);
  });

  it('notices changed metadata', async () => {
    const attempt = exportDamaged(async (path) => {
      const bytes = await readFile(path);
      const at = bytes.indexOf('\\"qmin\\":-8');
      bytes.write('7', at + '\\"qmin\\":-'.length);
      await writeFile(path, bytes);
    });
    await expect(attempt).rejects.toMatchObject({ code: 'E-EXPORT-PROOF' });
    expect(await readdir(out)).toEqual([]);
  });

  it('notices a file that lost its end', async () => {
    const attempt = exportDamaged(async (path) => truncate(path, 4000));
    await expect(attempt).rejects.toMatchObject({ code: 'E-SAFETENSORS-TRUNCATED' });
    expect(await readdir(out)).toEqual([]);
  });

  it('a failed proof leaves the file that had the name before', async () => {
    await writeFile(join(out, 'q.safetensors'), 'before');
    await expect(exportDamaged(flip('fc1.qweight', 0))).rejects.toMatchObject({ code: 'E-EXPORT-PROOF' });
    expect(await readFile(join(out, 'q.safetensors'), 'utf8')).toBe('before');
  });
});
