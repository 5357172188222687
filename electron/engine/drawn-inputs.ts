/** Inputs of a layer drawn at random, each element by itself. */
import { type Calibration, type Distribution, drawnFor, inputWidth } from '../contract/index.js';
import { inPieces } from './in-pieces.js';
import { inputsOf, type LayerInputs, refuseTooMany } from './layer-inputs.js';
import type { ModelLayer } from './model.js';

type Drawn = Extract<Calibration, { kind: 'drawn' }>;

/** @throws E-REQUEST-INVALID, E-CANCELLED */
export async function drawInputs(
  layer: ModelLayer,
  { samples, distribution, seed }: Drawn,
  signal?: AbortSignal,
): Promise<LayerInputs> {
  refuseTooMany(samples, inputWidth(layer));
  const resolved = distribution.kind === 'auto' ? drawnFor(layer.input.nonNegative) : distribution;
  const next = valueSource(resolved, uniformSource(seed));
  const values = new Float32Array(samples * inputWidth(layer));
  await inPieces(values.length, signal, (begin, end) => {
    for (let at = begin; at < end; at += 1) values[at] = next();
  });
  return inputsOf('drawn', layer, values);
}

/** Splitmix over 32-bit words, the same everywhere; two words give one number of [0, 1). */
export function uniformSource(seed: number): () => number {
  let state = seed >>> 0;
  const word = () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
  return () => (word() * 2 ** 21 + (word() >>> 11)) / 2 ** 53;
}

export function valueSource(
  distribution: Exclude<Distribution, { kind: 'auto' }>,
  uniform: () => number,
): () => number {
  const normal = normalSource(uniform);
  switch (distribution.kind) {
    case 'uniform': {
      const { min, max } = distribution;
      return () => min + (max - min) * uniform();
    }
    case 'normal': {
      const { mean, std } = distribution;
      return () => mean + std * normal();
    }
    case 'halfNormal': {
      const { std } = distribution;
      return () => std * Math.abs(normal());
    }
  }
}

/** Box and Muller's transform: mean 0, deviation 1. */
function normalSource(uniform: () => number): () => number {
  return () => {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    return radius * Math.cos(2 * Math.PI * uniform());
  };
}
