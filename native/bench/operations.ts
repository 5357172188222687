/** Times what the distribution and error views wait for, and single operations, as JavaScript sees them. */
import type { AnalyzeOptions, NativeAddon } from '../index.js';
import { measure, row, type Timing } from './timing.js';

const side = 4096;

/** Forward, dW and dX of the sample MLP's layers at batch 128, and the square ones for comparison. */
const gemmShapes: readonly [number, number, number][] = [
  [128, 256, 784],
  [128, 256, 256],
  [128, 10, 256],
  [256, 784, 128],
  [128, 512, 784],
  [512, 1024, 1024],
  [128, 4096, 4096],
];

export async function benchOperations(addon: NativeAddon, rounds: number): Promise<Record<string, Timing>> {
  const results: Record<string, Timing> = {};
  const report = async (name: string, work: () => unknown, note?: (timing: Timing) => string) => {
    const timing = await measure(rounds, work);
    results[name] = timing;
    console.log(row(name, timing, note?.(timing)));
  };
  await benchAnalysis(addon, report);
  for (const [m, n, k] of gemmShapes) {
    const [a, b] = [gaussian(m * k), gaussian(k * n)];
    const gflops = (timing: Timing) => `${((2 * m * n * k) / timing.medianMs / 1e6).toFixed(1)} GFLOP/s`;
    await report(`gemm ${m}x${n}x${k}`, () => addon.ops.gemm(a, b, m, n, k, { transposeB: true }), gflops);
  }
  return results;
}

type Report = (name: string, work: () => unknown) => Promise<void>;

async function benchAnalysis(addon: NativeAddon, report: Report): Promise<void> {
  const values = gaussian(side * side);
  const tensor = addon.tensorFromArray(values, side, side);
  const options = (range: 'absmax' | 'mse', bits: number): AnalyzeOptions => ({
    quantizer: { bits, grid: 'signed', granularity: 'channel', groupSize: 128, range, method: 'lsq' },
    row: null,
    range: null,
    exactBins: 2048,
    drawnBins: 256,
  });
  const size = `${side}x${side}`;
  for (const range of ['absmax', 'mse'] as const) {
    await report(`analyze ${size}, 8 bit-widths, ${range}`, () => addon.analyze(tensor, options(range, 4)));
    await report(`whatIf ${size}, 4 bits, ${range}`, () => addon.whatIf(tensor, options(range, 4)));
  }
  await report(`statistics ${size}`, () => addon.statistics(tensor));
  const scales = new Float32Array(side).fill(0.1);
  const grid = { qmin: -8, qmax: 7, scales, zeroPoints: new Int32Array(0) };
  await report(`fakeQuant ${size}, result in a new array`, () =>
    addon.ops.fakeQuant(values, side, side, grid),
  );
  tensor.dispose();
}

export function gaussian(count: number): Float32Array {
  const values = new Float32Array(count);
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  for (let i = 0; i < count; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(next()));
    const angle = 2 * Math.PI * next();
    values[i] = radius * Math.cos(angle);
    if (i + 1 < count) values[i + 1] = radius * Math.sin(angle);
  }
  return values;
}
