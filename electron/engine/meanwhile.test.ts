/** What a user does while something else is still under way: nothing wrong is kept, nothing is left half done. */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Configuration, defaultLayerConfig, withWeightBits } from '../contract/index.js';
import { openPackedFile } from './packed-file.js';
import {
  endedRun,
  makeTestEngine,
  shortTraining,
  smallTensors,
  type TestEngine,
  writeSmallDataset,
  writeSmallModel,
} from './test-support.js';

const layers = ['fc1.weight', 'fc2.weight', 'fc3.weight'];

let test: TestEngine;
let other: string;
let data: string;
let target: string;
beforeEach(async () => {
  test = await makeTestEngine();
  data = join(test.folder, 'data');
  target = join(test.folder, 'export.safetensors');
  await mkdir(data);
  await writeSmallDataset(data);
  other = await writeSmallModel(join(test.folder, 'other.safetensors'), smallTensors(), null);
  await test.engine.project.openModel({ path: await writeSmallModel(join(test.folder, 'm.safetensors')) });
  await test.engine.project.openDataset({ path: data });
});
afterEach(() => test.end());

/** Every layer with these weight bits and grid. */
function configuration(bits: 2 | 4 | 8, grid: 'signed' | 'narrow' = 'signed'): Configuration {
  const weight = { ...withWeightBits(defaultLayerConfig.weight, bits), grid };
  return Object.fromEntries(layers.map((layer) => [layer, { ...defaultLayerConfig, weight }]));
}

const states = async () => {
  const { project } = await test.engine.project.current();
  return project?.model.layers.map((layer) => layer.state);
};

/** Resolves when a job of the title has begun; the returned promises are those of the test to await. */
function begun(title: RegExp) {
  return test.waitFor(
    (event): event is Extract<typeof event, { type: 'job.changed' }> =>
      event.type === 'job.changed' && title.test(event.job.title),
  );
}

async function leftovers(): Promise<string[]> {
  const names = await readdir(test.folder);
  return names.filter((name) => name.startsWith('.qat-') || name.startsWith('export'));
}

describe('while a layer is prepared or quantized', () => {
  it.each(['prepare', 'quantize'] as const)(
    'changing its bits during %s never keeps the scales of the old bits',
    async (verb) => {
      const { engine } = test;
      await engine.project.configure({ changes: configuration(8) });
      const working = engine.layers[verb]({ layers }).then(
        () => 'done',
        (thrown: { code: string }) => thrown.code,
      );
      await engine.project.configure({ changes: configuration(2) });
      expect(await working).toBe('E-LAYER-STATE');
      expect(await states()).toEqual(['float', 'float', 'float']);
    },
  );

  it('a layer with NaN is left out and named, the layers after it are done', async () => {
    const tensors = smallTensors();
    (tensors.find(({ name }) => name === 'fc2.weight')?.data as Float32Array)[100] = Number.NaN;
    const path = await writeSmallModel(join(test.folder, 'nan.safetensors'), tensors);
    await test.engine.project.openModel({ path });
    await expect(test.engine.layers.quantize({ layers })).rejects.toMatchObject({
      code: 'E-WEIGHT-NOT-FINITE',
      message: expect.stringMatching(/^1 of 3 layers were left out.*fc2\.weight.*row 2, column 4/),
    });
    expect(await states()).toEqual(['quantized', 'float', 'quantized']);
  });
});

describe('while the model is exported', () => {
  it('changing the quantizer changes nothing in the file', async () => {
    const { engine } = test;
    await engine.project.configure({ changes: configuration(4) });
    await engine.layers.quantize({ layers });
    const exporting = engine.exports.write({ runId: null, path: target });
    await begun(/^Export/);
    // As many bits, another grid: sizes would still fit.
    await engine.project.configure({ changes: configuration(4, 'narrow') });
    const record = await exporting;
    const { description } = await openPackedFile(record.path);
    expect(description.layers.map(({ grid }) => grid)).toEqual(['signed', 'signed', 'signed']);
    expect(record.logits?.sameDecision).toBe(200);
  });

  // On a busy machine the small export may have ended before the other project is read: then once more.
  it.each(['opening another project', 'quitting'])(
    '%s cancels it and leaves no file',
    { retry: 2 },
    async (what) => {
      const { engine } = test;
      await engine.layers.quantize({ layers });
      let settled = false;
      const exporting = engine.exports
        .write({ runId: null, path: target })
        .catch((thrown: { code: string }) => thrown.code)
        .finally(() => {
          settled = true;
        });
      await begun(/^Export/);
      if (what === 'quitting') await engine.dispose();
      else await engine.project.openModel({ path: other });
      expect(settled).toBe(true);
      expect(await exporting).toBe('E-CANCELLED');
      expect(await leftovers()).toEqual([]);
    },
  );
});

describe('while a training is prepared', () => {
  it('closing the project ends it: nothing trains on a closed project', async () => {
    const { engine } = test;
    const starting = engine.runs.start({ name: 'r', training: { ...shortTraining, epochs: 400 } }).then(
      (run) => run.state as string,
      (thrown: { code: string }) => thrown.code,
    );
    await begun(/^Prepare training/);
    await engine.project.close();
    expect(await starting).toBe('E-CANCELLED');
    expect(test.events.filter((event) => event.type === 'run.changed')).toEqual([]);
  });

  it('another data set is refused when a run was started while it was read', async () => {
    const { engine } = test;
    const attaching = engine.project.openDataset({ path: data }).then(
      () => 'attached',
      (thrown: { code: string }) => thrown.code,
    );
    const run = await engine.runs.start({ name: 'r', training: { ...shortTraining, epochs: 400 } });
    expect(await attaching).toBe('E-RUN-STATE');
    await engine.runs.cancel({ runId: run.id });
    expect((await test.waitFor(endedRun(run.id))).run.state).toBe('cancelled');
  });
});
