/** What the weight-only layers refuse, naming the field, what was expected and what came. */
import { describe, expect, it } from 'vitest';
import type { MixedRowWeight, MpqWeight } from '../index.js';
import { errorOf, expectArgumentErrors } from './expect-error.js';
import { randomFloats } from './fixtures.js';
import { loadAddon } from './load-addon.js';

// biome-ignore lint/suspicious/noExplicitAny: these tests pass what the types forbid
type Anything = any;
const addon = loadAddon();
const any = addon as Anything;
const nan = Number.NaN;
const floats = (...values: number[]) => Float32Array.from(values);
const mpq = { inChannels: 6, outChannels: 3, groupSize: 4 };
const mixed = { inChannels: 64, outChannels: 3, widths: Int32Array.of(4, 2) };

function packedMpq(changes: object = {}): MpqWeight {
  const layer = addon.createMpqLinear({ ...mpq, ...changes });
  layer.resetParameters(1);
  layer.prepareParams();
  layer.eval();
  const shown = layer.optWeight();
  if (shown.kind !== 'packed') throw new Error('inference shows the packed weight');
  return shown.qweight;
}

function packedMixed(): MixedRowWeight {
  const layer = addon.createMixedRowLinear(mixed);
  layer.resetParameters(1);
  layer.prepareParams();
  layer.eval();
  const shown = layer.optWeight();
  if (shown.kind !== 'packed') throw new Error('inference shows the packed weight');
  return shown.qweight;
}

/** A copy of an Int32Array or Float32Array with one element changed. */
function changed<T extends Int32Array | Float32Array>(
  values: T | null | undefined,
  i: number,
  value: number,
): T {
  const copy = values?.slice() as T;
  copy[i] = value;
  return copy;
}

describe('createMpqLinear', () => {
  it('refuses wrong options', () => {
    expectArgumentErrors({
      nothing: () => any.createMpqLinear(),
      'no inputs': () => addon.createMpqLinear({ ...mpq, inChannels: 0 }),
      'half an output': () => addon.createMpqLinear({ ...mpq, outChannels: 1.5 }),
      '0 bits': () => any.createMpqLinear({ ...mpq, wBit: 0 }),
      '9 bits': () => any.createMpqLinear({ ...mpq, wBit: 9 }),
      'bits as text': () => any.createMpqLinear({ ...mpq, wBit: '4' }),
      'a group of 0': () => addon.createMpqLinear({ ...mpq, groupSize: 0 }),
      'a group of -2': () => addon.createMpqLinear({ ...mpq, groupSize: -2 }),
      'symmetric as a number': () => any.createMpqLinear({ ...mpq, symmetric: 1 }),
      'a zero format': () => any.createMpqLinear({ ...mpq, zeroFormat: 'awq' }),
      'a negative block': () => addon.createMpqLinear({ ...mpq, doubleGroupSize: -1 }),
      'bias as text': () => any.createMpqLinear({ ...mpq, bias: 'yes' }),
      'a range': () => any.createMpqLinear({ ...mpq, range: 'kl' }),
      'a method': () => any.createMpqLinear({ ...mpq, method: 'pact' }),
      'groups as an array': () => any.createMpqLinear({ ...mpq, gIdx: [0, 0, 0, 0, 1, 1] }),
      'too few groups': () => addon.createMpqLinear({ ...mpq, gIdx: Int32Array.of(0) }),
      'a group that is none': () => addon.createMpqLinear({ ...mpq, gIdx: Int32Array.of(0, 0, 0, 0, 1, 2) }),
    });
    const layer = addon.createMpqLinear({ ...mpq, groupSize: -1, wBit: 5, zeroFormat: 'gptqV2' });
    expect([layer.wBit, layer.groupSize, layer.symmetric, layer.zeroFormat, layer.training]).toEqual([
      5,
      6,
      false,
      'gptqV2',
      true,
    ]);
    expect(addon.createMpqLinear(mpq).bias()).toBeNull();
  });

  it('refuses a size that no machine holds before it is allocated', () => {
    const before = process.memoryUsage().rss;
    for (const create of [addon.createMpqLinear, addon.createMixedRowLinear]) {
      const error = errorOf(() => create({ inChannels: 2 ** 29, outChannels: 2 ** 29 }));
      expect(['E-OUT-OF-MEMORY', 'E-NATIVE-ARGUMENT']).toContain(error.code);
    }
    const narrow = errorOf(() => addon.createMpqLinear({ inChannels: 2 ** 28, outChannels: 1 }));
    expect(['E-OUT-OF-MEMORY', 'E-NATIVE-ARGUMENT']).toContain(narrow.code);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20);
  });
});

describe('data, scales, updates and passes of a weight-only layer', () => {
  it('are checked', () => {
    const layer = addon.createMpqLinear({ ...mpq, bias: true, symmetric: true });
    const loose = layer as Anything;
    const plain = addon.createMpqLinear(mpq);
    plain.resetParameters(1);
    plain.prepareParams();
    expectArgumentErrors({
      'a seed': () => layer.resetParameters(-1),
      'a weight that is no array': () => loose.setWeightData([1]),
      'a bias where there is none': () => plain.setBiasData(floats(1, 2, 3)),
      'an update of a bias where there is none': () => plain.update({ bias: floats(1, 2, 3) }),
      'zero points that are no integers': () =>
        plain.setScales(new Float32Array(6).fill(1), floats(1, 1.5, 1, 1, 1, 1)),
      'a zero point that gptq cannot hold': () =>
        plain.setScales(new Float32Array(6).fill(1), floats(0, 1, 1, 1, 1, 1)),
    });
    expect(errorOf(() => layer.setWeightData(floats(1, 2))).code).toBe('E-WEIGHT-SHAPE');
    expect(errorOf(() => layer.setBiasData(floats(1, 2))).code).toBe('E-WEIGHT-SHAPE');
    expect(errorOf(() => layer.setBiasData(floats(1, nan, 2))).code).toBe('E-WEIGHT-NOT-FINITE');
    expect(errorOf(() => layer.setWeightData(new Float32Array(18).fill(nan))).code).toBe(
      'E-WEIGHT-NOT-FINITE',
    );
    layer.setWeightData(randomFloats(18, 1));
    layer.prepareParams();
    const ones = new Float32Array(6).fill(1);
    expectArgumentErrors({
      'too few scales': () => layer.setScales(floats(1), ones),
      'no zeros': () => loose.setScales(ones),
      'a scale of NaN': () => layer.setScales(floats(1, nan, 1, 1, 1, 1), ones),
      'scales that overflow': () => layer.setScales(floats(3e38, 1, 1, 1, 1, 1), ones),
      'qweightOnly as text': () => loose.generateQuantizedWeight({ qweightOnly: 'yes' }),
      'no update': () => loose.update(),
      'a short update': () => layer.update({ weight: floats(1) }),
      'an update with NaN': () => layer.update({ scales: new Float32Array(6).fill(nan) }),
      'an update that is no array': () => loose.update({ zeros: [1] }),
      'an input that is no whole row': () => layer.forward(floats(1, 2)),
      'an empty input': () => layer.forward(floats()),
      'an input with NaN': () => layer.forward(floats(1, nan, 2, 3, 4, 5)),
      'no cancel token': () => loose.generateQuantizedWeight('x'),
    });
    layer.forward(randomFloats(12, 2));
    expectArgumentErrors({
      'a gradient of another batch': () => layer.backward(floats(1, 2, 3)),
      'a gradient with NaN': () => layer.backward(floats(1, 2, 3, 4, 5, nan)),
    });
    const before = layer.dequantizedWeight();
    layer.update({ weight: new Float32Array(18).fill(3e38) });
    expect(errorOf(() => layer.update({ weight: new Float32Array(18).fill(3e38) })).code).toBe(
      'E-TRAINING-DIVERGED',
    );
    expect(layer.dequantizedWeight()).not.toEqual(before);
  });
});

describe('setQuantizedWeightData', () => {
  it('checks every tensor of an MPQ checkpoint', () => {
    for (const symmetric of [false, true]) {
      const layer = addon.createMpqLinear({ ...mpq, symmetric });
      const good = packedMpq({ symmetric });
      const wrong: Record<string, Anything> = {
        nothing: undefined,
        'no inputs': { ...good, inChannels: 0 },
        'huge inputs': { ...good, inChannels: 2 ** 31 },
        bits: { ...good, bits: 9 },
        'a group of 0': { ...good, groupSize: 0 },
        'no symmetric': { ...good, symmetric: undefined },
        'a zero format': { ...good, zeroFormat: 'v1' },
        'a block': { ...good, doubleGroupSize: nan },
        'no qweight': { ...good, qweight: undefined },
        'qweight as bytes': { ...good, qweight: new Uint8Array(12) },
        'qweight too short': { ...good, qweight: good.qweight.slice(1) },
        'padding bits of qweight': { ...good, qweight: changed(good.qweight, 2, -1) },
        'gIdx too short': { ...good, gIdx: good.gIdx?.slice(1) },
        'gIdx outside': { ...good, gIdx: changed(good.gIdx, 3, 2) },
        'gIdx below 0': { ...good, gIdx: changed(good.gIdx, 3, -1) },
        'no scales': { ...good, scales: undefined },
        'a scale of NaN': { ...good, scales: changed(good.scales, 4, nan) },
        'a scale too many': { ...good, scales: new Float32Array(7).fill(1) },
        'statistics of the other kind': symmetric
          ? { ...good, qzeros: Int32Array.of(0, 0) }
          : { ...good, zeros: new Float32Array(6) },
        'no zeros': { ...good, zeros: undefined, qzeros: undefined },
        'padding bits of qzeros': symmetric
          ? { ...good, zeros: changed(good.zeros, 0, nan) }
          : { ...good, qzeros: changed(good.qzeros, 0, -1) },
      };
      for (const [name, weight] of Object.entries(wrong)) {
        const error = errorOf(() => layer.setQuantizedWeightData(weight));
        expect(error.code, `${name}: ${error.message}`).toBe('E-NATIVE-ARGUMENT');
      }
      const short = errorOf(() => layer.setQuantizedWeightData({ ...good, qweight: good.qweight.slice(1) }));
      expect(short.message).toBe('qweight must hold 3 values, not 2.');
      expect(errorOf(() => layer.setQuantizedWeightData({ ...good, bits: 3 })).code).toBe(
        'E-QUANTIZER-INVALID',
      );
      expect(errorOf(() => layer.setQuantizedWeightData(packedMpq({ inChannels: 7, symmetric }))).code).toBe(
        'E-WEIGHT-SHAPE',
      );
      expect(layer.state).toBe('created');
      layer.setQuantizedWeightData({ ...good, gIdx: undefined });
      expect(layer.state).toBe('packedOnly');
    }
  });

  it('checks double-quantized statistics', () => {
    for (const symmetric of [false, true]) {
      const changes = { symmetric, doubleGroupSize: 2 };
      const layer = addon.createMpqLinear({ ...mpq, ...changes });
      const good = packedMpq(changes);
      const codes = symmetric ? 'qstatistic' : 'qscales';
      const wrong: Record<string, Anything> = {
        'no codes': { ...good, [codes]: undefined },
        'codes too short': { ...good, [codes]: good[codes]?.slice(1) },
        'codes as floats': { ...good, [codes]: new Float32Array(8) },
        'scales of NaN': { ...good, qscalesScales: changed(good.qscalesScales, 0, nan) },
        'zeros too short': { ...good, qscalesZeros: good.qscalesZeros?.slice(1) },
        'plain scales besides': { ...good, scales: new Float32Array(6).fill(1) },
        'no zeros': symmetric ? { ...good, qzerosScales: undefined } : { ...good, qzeros: undefined },
      };
      for (const [name, weight] of Object.entries(wrong)) {
        const error = errorOf(() => layer.setQuantizedWeightData(weight));
        expect(error.code, `${name}: ${error.message}`).toBe('E-NATIVE-ARGUMENT');
      }
      expect(errorOf(() => layer.setQuantizedWeightData(packedMpq({ symmetric }))).code).toBe(
        'E-QUANTIZER-INVALID',
      );
      layer.setQuantizedWeightData(good);
    }
  });

  it('checks every tensor of a mixed-bit-row checkpoint', () => {
    const layer = addon.createMixedRowLinear({ inChannels: 64, outChannels: 3 });
    const good = packedMixed();
    expect([...good.qGroups]).toEqual([4, 0, 2, 4]);
    expect([...(good.rows ?? [])]).toEqual([0, 0, 0, 32, 32, 64, 0b1010]);
    expect([...(good.qGroupMap ?? [])].slice(0, 4)).toEqual([0, 32, 0, 31]);
    const wrong: Record<string, Anything> = {
      nothing: null,
      'no qweight': { ...good, qweight: undefined },
      'half a row': { ...good, qweight: good.qweight.slice(1) },
      'a row too few': { ...good, qweight: good.qweight.slice(3) },
      'a width that is none': { ...good, qGroups: changed(good.qGroups, 0, 7) },
      'rising widths': { ...good, qGroups: changed(good.qGroups, 2, 8) },
      'a first row': { ...good, qGroups: changed(good.qGroups, 1, 1) },
      'a row outside': { ...good, qGroups: changed(good.qGroups, 3, 100) },
      'no permutation': { ...good, qPerm: changed(good.qPerm, 0, 1) },
      'an input outside': { ...good, qPerm: changed(good.qPerm, 0, 64) },
      'too few scales': { ...good, scales: good.scales.slice(1) },
      'a zero of NaN': { ...good, zeros: changed(good.zeros, 0, nan) },
      'a channel scale too few': { ...good, channelScale: new Float32Array(63) },
    };
    for (const [name, weight] of Object.entries(wrong)) {
      const error = errorOf(() => layer.setQuantizedWeightData(weight));
      expect(error.code, `${name}: ${error.message}`).toBe('E-NATIVE-ARGUMENT');
    }
    layer.setQuantizedWeightData(good);
  });
});

describe('createMixedRowLinear', () => {
  it('refuses wrong options', () => {
    expectArgumentErrors({
      nothing: () => any.createMixedRowLinear(),
      'widths as an array': () => any.createMixedRowLinear({ ...mixed, widths: [4, 2] }),
      'a group of 0': () => addon.createMixedRowLinear({ ...mixed, groupSize: 0 }),
    });
    for (const widths of [Int32Array.of(4), Int32Array.of(4, 7), Int32Array.of(4, 1)]) {
      expect(errorOf(() => addon.createMixedRowLinear({ ...mixed, widths })).code).toBe(
        'E-QUANTIZER-INVALID',
      );
    }
    // 30 inputs of 3 bits end inside a word.
    const odd = { inChannels: 30, outChannels: 1, groupSize: -1, widths: Int32Array.of(3) };
    expect(errorOf(() => addon.createMixedRowLinear(odd)).code).toBe('E-QUANTIZER-INVALID');
    const channelScale = floats(1);
    expect(errorOf(() => addon.createMixedRowLinear({ ...mixed, channelScale })).code).toBe('E-WEIGHT-SHAPE');
  });
});

describe('handles', () => {
  it('of one layer are not taken for another', () => {
    const layers = [
      addon.createMpqLinear(mpq),
      addon.createMixedRowLinear(mixed),
      addon.createEmbedding({ numEmbeddings: 2, embeddingDim: 2 }),
      addon.createEmbeddingBag({ numEmbeddings: 2, embeddingDim: 2 }),
    ];
    for (const layer of layers) {
      const Constructor = layer.constructor as new () => unknown;
      expect(() => new Constructor()).toThrow(/cannot be constructed/);
      for (const other of layers) {
        if (other !== layer) expect(() => (layer.eval as Anything).call(other)).toThrow();
      }
    }
  });
});
