/** Which Fashion-MNIST images the sample data set holds: the first N of every class, in file order. */
import { QatError } from '../contract/index.js';
import type { IdxSplit } from '../formats/index.js';

/** Keeps the first `perClass` images of each class of `split`, in the order they have there. */
export function firstPerClass(
  split: IdxSplit,
  features: number,
  classes: number,
  perClass: number,
): IdxSplit {
  const kept: number[] = [];
  const counts = new Array<number>(classes).fill(0);
  for (let index = 0; index < split.count; index += 1) {
    const label = split.labels[index] ?? 0;
    const count = counts[label];
    if (count === undefined || count >= perClass) continue;
    counts[label] = count + 1;
    kept.push(index);
  }
  const short = counts.findIndex((count) => count < perClass);
  if (short >= 0) {
    throw new QatError(
      'E-DATASET-MISMATCH',
      `Class ${short} has ${counts[short]} images, ${perClass} are needed.`,
      'Use the complete Fashion-MNIST files.',
    );
  }
  const pixels = new Uint8Array(kept.length * features);
  const labels = new Uint8Array(kept.length);
  kept.forEach((from, to) => {
    pixels.set(split.pixels.subarray(from * features, (from + 1) * features), to * features);
    labels[to] = split.labels[from] ?? 0;
  });
  return { pixels, labels, count: kept.length };
}

/** Mean and population standard deviation of all pixels as byte/255. */
export function pixelStatistics(pixels: Uint8Array): { mean: number; std: number } {
  // Integer sums are exact: 12 000 × 784 × 255² stays far below 2^53.
  let sum = 0;
  let squares = 0;
  for (const byte of pixels) {
    sum += byte;
    squares += byte * byte;
  }
  const mean = sum / pixels.length;
  const variance = squares / pixels.length - mean * mean;
  return { mean: mean / 255, std: Math.sqrt(variance) / 255 };
}
