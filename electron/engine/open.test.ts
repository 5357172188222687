/** Opening models, folders and data sets, good and hostile, through the real engine. */
import { mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultLayerConfig } from '../contract/index.js';
import {
  assetsFolder,
  makeTestEngine,
  shortTraining,
  smallGraph,
  smallTensors,
  type TestEngine,
  uniform,
  withMemoryDisk,
  writeSmallDataset,
  writeSmallModel,
} from './test-support.js';

let test: TestEngine;
let model: string;
beforeEach(async () => {
  test = await makeTestEngine();
  model = await writeSmallModel(join(test.folder, 'small.safetensors'));
});
afterEach(() => test.end());

describe('opening a model', () => {
  it('sorts tensors into layers in the graph’s order and others with a reason', async () => {
    const { model: info, configuration } = await test.engine.project.openModel({ path: model });
    expect(
      info.layers.map((layer) => [layer.name, layer.rows, layer.cols, layer.trainable, layer.state]),
    ).toEqual([
      ['fc1.weight', 48, 64, true, 'float'],
      ['fc2.weight', 32, 48, true, 'float'],
      ['fc3.weight', 4, 32, true, 'float'],
    ]);
    const reasons = new Map(info.others.map((other) => [other.name, other.reason]));
    expect(reasons.get('steps')).toMatch(/I64/);
    expect(reasons.get('fc1.bias')).toMatch(/rank below 2/);
    expect(configuration['fc2.weight']).toEqual(defaultLayerConfig);
  });

  it('reopens the project of the same file and makes a new one when the file changed', async () => {
    const first = await test.engine.project.openModel({ path: model });
    const again = await test.engine.project.openModel({ path: model });
    expect(again.id).toBe(first.id);
    await test.engine.project.close();
    const reopened = await test.engine.project.openModel({ path: model });
    expect([reopened.id, reopened.recovered]).toEqual([first.id, false]);
    await writeSmallModel(model, smallTensors().slice(0, 9));
    const changed = await test.engine.project.openModel({ path: model });
    expect(changed.id).not.toBe(first.id);
    await test.engine.project.close();
    await expect(test.engine.project.openFolder({ path: first.folder })).rejects.toMatchObject({
      code: 'E-FILE-CHANGED',
    });
  });

  it('a model without a graph opens and says why it cannot be trained', async () => {
    const path = await writeSmallModel(join(test.folder, 'plain.safetensors'), smallTensors(), null);
    const state = await test.engine.project.openModel({ path });
    expect(state.trainingReason).toMatch(/qat\.graph/);
    await expect(test.engine.runs.start({ name: null, training: shortTraining })).rejects.toMatchObject({
      code: 'E-TRAINING-UNAVAILABLE',
    });
  });

  it('a graph that does not fit its tensors is told, and the model opens without it', async () => {
    const graph = { ...smallGraph, classes: 9 };
    const path = await writeSmallModel(join(test.folder, 'bad.safetensors'), smallTensors(), graph);
    const state = await test.engine.project.openModel({ path });
    expect(state.model.layers).toHaveLength(3);
    expect(state.trainingReason).toMatch(/states 9 classes/);
    const told = test.events.flatMap((event) => (event.type === 'error' ? [event.error.code] : []));
    expect(told).toEqual(['E-MODEL-GRAPH']);
    await expect(test.engine.runs.start({ name: null, training: shortTraining })).rejects.toMatchObject({
      code: 'E-TRAINING-UNAVAILABLE',
    });
  });

  it('a failed opening keeps the open project', async () => {
    const { id } = await test.engine.project.openModel({ path: model });
    const broken = join(test.folder, 'broken.safetensors');
    await writeFile(broken, await readFile(model));
    await truncate(broken, 3000);
    await expect(test.engine.project.openModel({ path: broken })).rejects.toMatchObject({
      code: 'E-SAFETENSORS-TRUNCATED',
    });
    expect((await test.engine.project.current()).project?.id).toBe(id);
  });

  it.each([
    ['a missing file', 'gone.safetensors', 'E-FILE-MISSING'],
    ['a folder', '.', 'E-FILE-NOT-A-FILE'],
  ])('%s is a clear error', async (_what, name, code) => {
    await expect(test.engine.project.openModel({ path: join(test.folder, name) })).rejects.toMatchObject({
      code,
    });
  });

  it('a file without a weight is E-MODEL-EMPTY', async () => {
    const path = join(test.folder, 'empty.safetensors');
    const bias = smallTensors().filter((tensor) => tensor.name === 'fc1.bias');
    await writeSmallModel(path, bias, null);
    await expect(test.engine.project.openModel({ path })).rejects.toMatchObject({ code: 'E-MODEL-EMPTY' });
  });

  it('NaN is found when the layer is looked at: layer and index named, other layers unharmed', async () => {
    const data = uniform(32 * 48, 0.2, 3);
    data[1000] = Number.NaN;
    const tensors = smallTensors().map((tensor) =>
      tensor.name === 'fc2.weight' ? { ...tensor, data } : tensor,
    );
    const path = await writeSmallModel(join(test.folder, 'nan.safetensors'), tensors);
    await test.engine.project.openModel({ path });
    const { thumbnails } = await test.engine.layers.thumbnails({
      layers: ['fc1.weight', 'fc2.weight'],
      bins: 8,
    });
    expect(thumbnails.map(({ counts }) => counts.length)).toEqual([8, 0]);
    const failure = test.engine.layers.prepare({ layers: ['fc1.weight', 'fc2.weight'] });
    await expect(failure).rejects.toMatchObject({ code: 'E-WEIGHT-NOT-FINITE' });
    await expect(failure).rejects.toThrow(/fc2\.weight.*1000/);
    const { project } = await test.engine.project.current();
    expect(project?.model.layers.map((layer) => layer.state)).toEqual(['prepared', 'float', 'float']);
  });

  it('infinity in a half-precision weight is found as well', async () => {
    const halves = new Uint16Array(48).fill(0x3c00);
    halves[7] = 0x7c00;
    const path = join(test.folder, 'half.safetensors');
    await writeSmallModel(path, [{ name: 'h.weight', dtype: 'F16', shape: [6, 8], data: halves }], null);
    await test.engine.project.openModel({ path });
    await expect(test.engine.layers.prepare({ layers: ['h.weight'] })).rejects.toThrow(/h\.weight.*7/);
  });

  it('a file replaced while its project is open is E-FILE-CHANGED, not other numbers', async () => {
    await test.engine.project.openModel({ path: model });
    await writeSmallModel(model, smallTensors().slice(0, 9));
    await expect(test.engine.layers.prepare({ layers: ['fc1.weight'] })).rejects.toMatchObject({
      code: 'E-FILE-CHANGED',
    });
  });
});

describe('opening folders and data sets', () => {
  it('attaches an IDX folder and keeps it across reopening', async () => {
    const { folder } = await test.engine.project.openModel({ path: model });
    const data = join(test.folder, 'data');
    await mkdir(data);
    await writeSmallDataset(data);
    const attached = await test.engine.project.openDataset({ path: data });
    expect(attached.dataset).toMatchObject({ trainCount: 800, testCount: 200, features: 64, classes: 4 });
    expect(attached.trainingReason).toBeNull();
    await test.engine.project.close();
    const reopened = await test.engine.project.openFolder({ path: folder });
    expect(reopened.dataset).toEqual(attached.dataset);
  });

  it('a data set of another size does not fit', async () => {
    await test.engine.project.openModel({ path: model });
    const sample = join(test.folder, '..', 'nothing-here');
    await expect(test.engine.project.openDataset({ path: sample })).rejects.toMatchObject({
      code: 'E-FILE-MISSING',
    });
    const { engine } = test;
    await expect(
      engine.project.openDataset({ path: join(assetsFolder, 'sample', 'fashion-mnist') }),
    ).rejects.toMatchObject({ code: 'E-DATASET-MISMATCH' });
  });

  it('a folder without a project is E-PROJECT-NONE and stays untouched', async () => {
    const folder = join(test.folder, 'nothing');
    await mkdir(folder);
    await expect(test.engine.project.openFolder({ path: folder })).rejects.toMatchObject({
      code: 'E-PROJECT-NONE',
    });
    expect(await readdir(folder)).toEqual([]);
  });

  it('a damaged project.json opens from its backup, and an event says so', async () => {
    const { folder, id } = await test.engine.project.openModel({ path: model });
    await test.engine.project.close();
    await writeFile(join(folder, 'project.json'), '{"schemaVersion":1,');
    expect((await test.engine.project.openFolder({ path: folder })).id).toBe(id);
    const told = test.events.find((event) => event.type === 'error');
    expect(told).toMatchObject({ error: { code: 'E-PROJECT-DAMAGED' } });
  });

  it('a project whose data set vanished opens and says so', async () => {
    const { folder } = await test.engine.project.openModel({ path: model });
    const data = join(test.folder, 'data');
    await mkdir(data);
    await writeSmallDataset(data);
    await test.engine.project.openDataset({ path: data });
    await test.engine.project.close();
    await truncate(join(data, 't10k-labels-idx1-ubyte'), 10);
    const reopened = await test.engine.project.openFolder({ path: folder });
    expect(reopened.dataset).toBeNull();
    expect(reopened.trainingReason).toMatch(/t10k-labels/);
  });

  it('a projects folder on a read-only disk is E-DISK-READ-ONLY', async (context) => {
    await withMemoryDisk(context, join(test.folder, 'projects'), 'ro', async () => {
      await expect(test.engine.project.openModel({ path: model })).rejects.toMatchObject({
        code: 'E-DISK-READ-ONLY',
      });
    });
  });
});
