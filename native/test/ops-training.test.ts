/** Optimizers, losses and gradient quantization through the addon. */
import { describe, expect, it } from 'vitest';
import { errorOf } from './expect-error.js';
import { loadAddon } from './load-addon.js';

const { ops } = loadAddon();
const floats = (...values: number[]) => Float32Array.from(values);

describe('ops.optimize', () => {
  it('names every optimizer when it is given another', () => {
    const error = errorOf(() =>
      // @ts-expect-error no such optimizer
      ops.optimize(floats(1), floats(1), { optimizer: 'adagrad', learningRate: 1 }),
    );
    for (const name of ['sgd', 'adam', 'adamw', 'radam', 'lion', 'diode']) {
      expect(error.message).toContain(`'${name}'`);
    }
  });

  it('takes the defaults of the optimizer, and what is given instead', () => {
    const init = floats(0.5, -1);
    const gradients = floats(0.3, -0.2, -0.4, 0.1, 0.2, 0.2);
    const lion = { optimizer: 'lion', learningRate: 0.1 } as const;
    expect(ops.optimize(init, gradients, lion)).toEqual(
      ops.optimize(init, gradients, { ...lion, beta1: 0.9, beta2: 0.99 }),
    );
    const diode = { optimizer: 'diode', learningRate: 0.1 } as const;
    expect(ops.optimize(init, gradients, diode)).toEqual(
      ops.optimize(init, gradients, { ...diode, beta1: 0.99, beta2: 0.9999, epsilon: 1e-6 }),
    );
  });

  it('Diode negates the binary weights that their gradient votes against, and no others', () => {
    // One step: the vote is −U·amplitude·β₂ + (1 − β₂)·learningRate, which a large rate decides.
    const init = floats(0.3, -0.4, 0.5, -0.6, 0);
    const gradient = floats(2, 2, -2, -2, 2);
    const vote = { optimizer: 'diode', learningRate: 100, binary: true } as const;
    const [a, b, c, d, zero] = ops.optimize(init, gradient, vote);
    expect([a, b, c, d]).toEqual([...floats(-0.3, -0.4, 0.5, 0.6)]);
    expect(zero).toBeLessThan(0);
    // A rate below the weakest vote flips none.
    expect(ops.optimize(init, gradient, { ...vote, learningRate: 1e-9 })).toEqual(init);
  });

  it('GaLore moves a matrix within the span of its gradient', () => {
    // The gradient's only direction is (3, 4)/5 of the columns, so SGD with rank 1 is SGD itself.
    const gradient = floats(3, 4, 6, 8, -3, -4);
    const sgd = { optimizer: 'sgd', learningRate: 0.1, rows: 3 } as const;
    const plain = ops.optimize(new Float32Array(6), gradient, sgd);
    for (const type of ['std', 'reverse_std', 'left', 'right', 'full'] as const) {
      const low = ops.optimize(new Float32Array(6), gradient, { ...sgd, galore: { rank: 1, type } });
      low.forEach((value, i) => {
        expect(value).toBeCloseTo(plain[i] ?? Number.NaN, 6);
      });
    }
    const half = ops.optimize(new Float32Array(6), gradient, { ...sgd, galore: { rank: 1, scale: 0.5 } });
    expect(half[3]).toBeCloseTo(-0.4, 6);
  });
});

describe('losses', () => {
  it('meanSquaredError', () => {
    const { loss, dx } = ops.meanSquaredError(floats(1, 2, 3, 4), floats(1, 0, 3, 5), 2, 2);
    expect(loss).toBe((4 + 1) / 4);
    expect([...dx]).toEqual([0, 1, 0, -0.5]);
  });

  it('distillation is between the teacher and the labels', () => {
    const logits = floats(1, 0, -1, 0.5, 2, 0);
    const labels = Uint8Array.of(0, 2);
    const hard = ops.softmaxCrossEntropy(logits, labels, 2, 3, 0.1);
    const options = { teacherShare: 0, labelSmoothing: 0.1 };
    expect(ops.distillation(logits, floats(9, 8, 7, 6, 5, 4), labels, 2, 3, options)).toEqual(hard);
    // From itself there is nothing to learn.
    const own = ops.distillation(logits, logits, null, 2, 3, { teacherShare: 1, temperature: 3 });
    expect(own.loss).toBe(0);
    expect([...own.dx].every((v) => v === 0)).toBe(true);
  });
});

describe('ops.quantizeGradient', () => {
  it('gives levels between the ends of each sample, the same for the same seed and step', () => {
    const gradient = floats(1, -0.3, 0.2, 10, -3, 2);
    const quantized = ops.quantizeGradient(gradient, 2, 3, 2, 7, 1);
    for (const [i, value] of quantized.entries()) {
      const level = (value / (i < 3 ? 1 : 10) + 1) * 1.5; // 0 … 3
      expect(level).toBeCloseTo(Math.round(level), 5);
    }
    expect(quantized[0]).toBe(1);
    expect(quantized[3]).toBe(10);
    expect(ops.quantizeGradient(gradient, 2, 3, 2, 7, 1)).toEqual(quantized);
    const wide = Float32Array.from({ length: 200 }, (_, i) => Math.sin(i));
    const one = ops.quantizeGradient(wide, 1, 200, 2, 7, 1);
    expect(ops.quantizeGradient(wide, 1, 200, 2, 7, 2)).not.toEqual(one);
    expect(ops.quantizeGradient(wide, 1, 200, 2, 8, 1)).not.toEqual(one);
  });
});
