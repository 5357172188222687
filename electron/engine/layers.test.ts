/** Looking at layers and preparing, quantizing and resetting them, against the real addon. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  analysisSchema,
  defaultLayerConfig,
  projectStateSchema,
  whatIfSchema,
  withWeightBits,
} from '../contract/index.js';
import { makeTestEngine, type TestEngine, writeSmallModel } from './test-support.js';

const lens = { quantizer: defaultLayerConfig.weight, row: null, range: null, drawnBins: 64 };
const source = { layer: 'fc1.weight', runId: null };

let test: TestEngine;
beforeAll(async () => {
  test = await makeTestEngine();
  await test.engine.project.openModel({ path: await writeSmallModel(join(test.folder, 'm.safetensors')) });
});
afterAll(() => test.end());

describe('looking at a layer', () => {
  it('an analysis is what the contract says and covers every weight', async () => {
    const analysis = analysisSchema.parse(await test.engine.layers.analyze({ source, lens }));
    expect(analysis.layer).toBe('fc1.weight');
    expect(analysis.statistics.count).toBe(48 * 64);
    expect(analysis.histogram.counts.reduce((a, b) => a + b)).toBe(48 * 64);
    expect(analysis.byBits.map(({ bits }) => bits)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const sqnr = analysis.byBits.slice(1).map(({ sqnrDb }) => sqnrDb ?? Number.POSITIVE_INFINITY);
    expect([...sqnr].sort((a, b) => a - b)).toEqual(sqnr);
  });

  it.each([1, 2, 4, 8, 32] as const)('what-if at %i bits is what the contract says', async (bits) => {
    const quantizer = withWeightBits(lens.quantizer, bits);
    const whatIf = whatIfSchema.parse(
      await test.engine.layers.whatIf({ source, lens: { ...lens, quantizer } }),
    );
    expect(whatIf.error.bits).toBe(bits);
    expect(whatIf.levels.values).toHaveLength(bits === 32 ? 0 : 2 ** bits);
  });

  it('bins that do not divide 2048 still sum whole exact bins', async () => {
    const analysis = await test.engine.layers.analyze({ source, lens: { ...lens, drawnBins: 100 } });
    expect(analysis.histogram.exactBins).toBe(2100);
    expect(analysis.histogram.counts).toHaveLength(100);
    expect(analysis.histogram.counts.reduce((a, b) => a + b)).toBe(48 * 64);
  });

  it('one row alone has that row’s values', async () => {
    const analysis = await test.engine.layers.analyze({ source, lens: { ...lens, row: 47 } });
    expect(analysis.statistics.count).toBe(64);
    const whatIf = await test.engine.layers.whatIf({ source, lens: { ...lens, row: 47 } });
    expect(whatIf.levels.row).toBe(47);
  });

  it('refuses a row, a layer and a range that are not there', async () => {
    const ask = (change: object) => test.engine.layers.analyze({ source, lens: { ...lens, ...change } });
    await expect(ask({ row: 48 })).rejects.toMatchObject({ code: 'E-REQUEST-INVALID' });
    await expect(ask({ range: { low: 1, high: 1 } })).rejects.toMatchObject({ code: 'E-REQUEST-INVALID' });
    const unknown = test.engine.layers.analyze({ source: { ...source, layer: '__proto__' }, lens });
    await expect(unknown).rejects.toMatchObject({ code: 'E-LAYER-UNKNOWN' });
  });

  it('an aborted call ends with E-CANCELLED', async () => {
    const call = test.engine.layers.analyze({ source, lens }, { signal: AbortSignal.abort() });
    await expect(call).rejects.toMatchObject({ code: 'E-CANCELLED' });
  });
});

describe('preparing and quantizing', () => {
  const layers = ['fc1.weight', 'fc2.weight', 'fc3.weight'];
  const states = async () => {
    const { project } = await test.engine.project.current();
    return projectStateSchema.parse(project).model.layers.map((layer) => layer.state);
  };

  it('go layer by layer, with progress, and survive reopening', async () => {
    const details: string[] = [];
    await test.engine.layers.prepare({ layers }, { onProgress: (_f, detail) => details.push(detail) });
    expect(details).toEqual(layers);
    await test.engine.layers.quantize({ layers: ['fc2.weight'] });
    expect(await states()).toEqual(['prepared', 'quantized', 'prepared']);
    const { project } = await test.engine.project.current();
    await test.engine.project.close();
    await test.engine.project.openFolder({ path: project?.folder ?? '' });
    expect(await states()).toEqual(['prepared', 'quantized', 'prepared']);
  });

  it('a changed quantizer makes the layer float again, a changed activation does not', async () => {
    const { weight, activation } = defaultLayerConfig;
    await test.engine.project.configure({
      changes: {
        'fc1.weight': { weight: withWeightBits(weight, 3), activation },
        'fc2.weight': { weight, activation: { ...activation, bits: 8 } },
      },
    });
    expect(await states()).toEqual(['float', 'quantized', 'prepared']);
  });

  it('a group larger than the row is refused, and nothing of the request is taken over', async () => {
    const weight = { ...defaultLayerConfig.weight, granularity: 'group' as const, groupSize: 64 };
    const config = { ...defaultLayerConfig, weight };
    const before = (await test.engine.project.current()).project?.configuration;
    const configure = test.engine.project.configure({
      changes: { 'fc1.weight': config, 'fc3.weight': config },
    });
    await expect(configure).rejects.toMatchObject({ code: 'E-QUANTIZER-INVALID' });
    expect((await test.engine.project.current()).project?.configuration).toEqual(before);
  });

  it('a float layer cannot be prepared', async () => {
    const { weight, activation } = defaultLayerConfig;
    const config = { weight: withWeightBits(weight, 32), activation };
    await test.engine.project.configure({ changes: { 'fc3.weight': config } });
    await expect(test.engine.layers.prepare({ layers: ['fc3.weight'] })).rejects.toMatchObject({
      code: 'E-LAYER-STATE',
    });
  });

  it('cancelling keeps the layers already done', async () => {
    await test.engine.layers.reset({ layers });
    const controller = new AbortController();
    const prepare = test.engine.layers.prepare(
      { layers: ['fc1.weight', 'fc2.weight'] },
      { signal: controller.signal, onProgress: (fraction) => fraction === 0.5 && controller.abort() },
    );
    await expect(prepare).rejects.toMatchObject({ code: 'E-CANCELLED' });
    expect(await states()).toEqual(['prepared', 'float', 'float']);
  });

  it.each(['signed', 'narrow', 'unsigned', 'binary'] as const)('the %s grid quantizes', async (grid) => {
    const { weight, activation } = defaultLayerConfig;
    const config = {
      weight: { ...weight, grid, bits: grid === 'binary' ? (1 as const) : (4 as const) },
      activation,
    };
    await test.engine.project.configure({ changes: { 'fc2.weight': config } });
    await test.engine.layers.quantize({ layers: ['fc2.weight'] });
    expect((await states())[1]).toBe('quantized');
  });
});
