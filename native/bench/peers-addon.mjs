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

const elements = 1 << 24;

/** ‖y − x‖ / ‖x‖ of a sample. */
function relativeError(y, x) {
  let wrong = 0;
  let all = 0;
  for (let i = 0; i < x.length; i += 997) {
    wrong += (y[i] - x[i]) ** 2;
    all += x[i] ** 2;
  }
  return Math.sqrt(wrong / all);
}

/** Fake quantization to 4 bits; `backward`: and its straight-through and scale gradients. */
function fakeQuant(perChannel, backward) {
  return ({ n = elements, channels = 4096, threads = 1 }) => {
    const rows = perChannel ? channels : 4096;
    const x = normal(n, 3);
    const y = new Float32Array(n);
    const dy = backward ? new Float32Array(n).fill(1) : null;
    const dx = backward ? new Float32Array(n) : null;
    const quantizer = { qmin: -8, qmax: 7, scales: new Float32Array(perChannel ? rows : 1).fill(3.4 / 7) };
    return {
      run() {
        addon.ops.fakeQuant(x, rows, n / rows, quantizer, y);
        if (backward) addon.ops.fakeQuantBackward(x, dy, rows, n / rows, quantizer, 1, dx);
      },
      before: () => addon.setThreads(threads),
      relerr: () => relativeError(y, x),
      note: 'inputs checked for NaN in the same pass',
    };
  };
}

function ofTensor(measure, note) {
  return ({ n = elements, threads = 1 }) => {
    const tensor = addon.tensorFromArray(normal(n, 3), 4096, n / 4096);
    return {
      run: () => measure(tensor),
      before: () => addon.setThreads(threads),
      note,
      dispose: () => tensor.dispose(),
    };
  };
}

function errorSweep({ n = elements, threads = 1 }) {
  const x = normal(n, 3);
  const candidates = [2, 3, 4, 5, 6, 7, 8].map((bits) => {
    const qmax = 2 ** (bits - 1) - 1;
    return { scale: 3.4 / qmax, qmin: -qmax - 1, qmax };
  });
  return {
    run: () => addon.ops.quantizationErrors(x, candidates),
    before: () => addon.setThreads(threads),
    note: 'seven bit-widths in one pass',
  };
}

function packInt4({ rows = 4096, cols = 4096, threads = 1 }) {
  const x = normal(rows * cols, 2, 0.02);
  const quantizer = {
    bits: 4,
    grid: 'signed',
    granularity: 'group',
    groupSize: 128,
    range: 'absmax',
    method: 'ste',
  };
  return {
    run: () => addon.ops.quantizeWeight(x, rows, cols, quantizer),
    before: () => addon.setThreads(threads),
    note: 'scales by abs-max, codes packed, inputs checked for NaN',
  };
}

function classified(count, features) {
  const labels = Uint8Array.from({ length: count }, (_, i) => (i * 7) % 10);
  return addon.createDatasetFromFloats(normal(count * features, 5), labels, { count, features, classes: 10 });
}

/** Steps of a training session on an MLP; `bits` 32: float. */
function trainingStep(bits) {
  return async ({ threads = 1 }) => {
    const sizes = [784, 512, 512, 10];
    const batchSize = 128;
    const steps = 20;
    const count = steps * batchSize;
    const data = classified(count, 784);
    const test = classified(1, 784);
    const nodes = [];
    for (let layer = 0; layer < 3; layer++) {
      if (layer) nodes.push({ op: 'relu' });
      nodes.push({
        op: 'linear',
        name: `fc${layer}`,
        inChannels: sizes[layer],
        outChannels: sizes[layer + 1],
        bias: true,
        weight: { bits, grid: 'signed', granularity: 'tensor', groupSize: 64, range: 'lsq', method: 'lsq' },
        activation: { bits, grid: layer ? 'unsigned' : 'signed', range: 'lsq', method: 'lsq' },
      });
    }
    const network = addon.createNetwork(nodes);
    network.resetParameters(1);
    await network.prepare(data, 512);
    return {
      async run() {
        const session = addon.createSession(network, data, test, {
          optimizer: 'sgd',
          learningRate: 1e-4,
          momentum: 0,
          weightDecay: 0,
          schedule: 'constant',
          epochs: 1,
          batchSize,
          seed: 1,
        });
        session.start();
        const state = await session.done;
        const { error } = session.drain();
        session.dispose();
        if (state !== 'finished') throw new Error(`the training ended ${state}: ${error?.message}`);
      },
      before: () => addon.setThreads(threads),
      per: steps,
      note: `${steps} steps of a session, its start and end among them`,
      dispose: () => network.dispose(),
    };
  };
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
    'fakequant.tensor.fwd': { op: fakeQuant(false, false) },
    'fakequant.tensor.fwdbwd': { op: fakeQuant(false, true) },
    'fakequant.channel.fwd': { op: fakeQuant(true, false) },
    'fakequant.channel.fwdbwd': { op: fakeQuant(true, true) },
    'lsq.tensor.fwdbwd': { op: fakeQuant(false, true) },
    'lsq.channel.fwdbwd': { op: fakeQuant(true, true) },
    hist256: { tensor: ofTensor((tensor) => addon.histogram(tensor, 256, { low: -4, high: 4 })) },
    moments: { statistics: ofTensor((tensor) => addon.statistics(tensor, []), 'and skewness, zeros') },
    'mse.sweep': { candidates: errorSweep },
    'pack.int4_g128': { op: packInt4 },
    'qat.mlp': { session: trainingStep(4) },
    'fp32.mlp': { session: trainingStep(32) },
  },
};
