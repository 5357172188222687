/**
 * The engine as one more column of a comparison of peers: `works` maps a workload to its variants, each a function
 * that prepares inputs and gives `run()`, one timed call. `QAT_ADDON_PATH` names another build of the addon.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';

const addon = createRequire(import.meta.url)(
  process.env.QAT_ADDON_PATH || join(import.meta.dirname, '..', 'build', 'qat_native.node'),
);

/** Roughly normal values, the same at every run. */
function normal(count, seed, scale = 1) {
  const values = new Float32Array(count);
  let state = (seed * 2654435761) >>> 0 || 1;
  for (let i = 0; i < count; i++) {
    let sum = -2;
    for (let k = 0; k < 4; k++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      sum += (state >>> 0) / 2 ** 32;
    }
    values[i] = sum * Math.sqrt(3) * scale;
  }
  return values;
}

/** Root mean square error of y[m][n] = Σ x[m][k]·w[n][k] on a sample of outputs, relative to theirs. */
function productError(x, w, y, { M, K, N }) {
  let wrong = 0;
  let all = 0;
  for (let m = 0; m < M; m += Math.max(1, M >> 2)) {
    for (let n = 0; n < N; n += Math.max(1, Math.floor(N / 61))) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += x[m * K + k] * w[n * K + k];
      wrong += (y[m * N + n] - sum) ** 2;
      all += sum ** 2;
    }
  }
  return Math.sqrt(wrong / all);
}

function packedWeight(values, { K, N }, bits, group) {
  const layer = addon.createLinear({
    inChannels: K,
    outChannels: N,
    wBit: bits,
    aBit: 32,
    bias: false,
    weight: {
      grid: bits === 1 ? 'binary' : 'signed',
      granularity: group ? 'group' : 'channel',
      groupSize: group || 64,
      range: bits === 8 ? 'absmax' : 'mse',
      method: 'lsq',
    },
  });
  layer.setWeightData(values);
  layer.prepareParams();
  layer.generateQuantizedWeight({ qweightOnly: true });
  layer.eval();
  const { qweight } = layer.optWeight();
  layer.dispose();
  return qweight;
}

/** A product of float32 activations with a weight of so many bits; group 0: a scale per row. */
function product(bits, group, inputs) {
  return (shape) => {
    const { M, K, N, copies = 1, threads = 1 } = shape;
    const x = normal(M * K, 1);
    const w = normal(N * K, 2, 0.02);
    const y = new Float32Array(M * N);
    const packed = packedWeight(w, shape, bits, group);
    const weights = Array.from({ length: copies }, () => addon.createPackedProduct(packed));
    return {
      run() {
        for (const weight of weights) weight.multiply(x, y, inputs);
      },
      before: () => addon.setThreads(threads),
      per: copies,
      relerr: () =>
        inputs === 'signs'
          ? productError(x.map(Math.sign), w.map(Math.sign), y, shape)
          : productError(x, w, y, shape),
      note: `${(bits + (group ? 32 / group : 32 / K)).toFixed(3)} bits/weight, ${inputs}, fp32 in/out`,
      dispose() {
        for (const weight of weights) weight.dispose();
      },
    };
  };
}

function products(bits) {
  const variants = {};
  for (const inputs of ['bytes', 'float']) {
    for (const group of [0, 128, 32]) {
      variants[`${inputs}_${group ? `g${group}` : 'channel'}`] = product(bits, group, inputs);
    }
  }
  return variants;
}

export default {
  name: 'qat-workbench',
  version: `${addon.info().version} ${addon.info().isa}`,
  works: {
    'gemm.w8': products(8),
    'gemm.w4': products(4),
    'gemm.w3': products(3),
    'gemm.w2': products(2),
    'gemm.w1': products(1),
    'gemm.w1a1': { signs: product(1, 0, 'signs') },
  },
};
