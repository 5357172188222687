/** Inputs of a convolution as the rows that its weight's matrix is multiplied with. */
import type { GraphNode } from '../contract/index.js';
import { inPieces, pieceSize } from './in-pieces.js';

type Convolution = Extract<GraphNode, { op: 'conv2d' }>;

export interface PatchShape {
  channels: number;
  height: number;
  width: number;
  kernel: readonly [number, number];
  stride: number;
  padding: number;
  dilation: number;
}

/** `weight` is the shape of the weight's tensor, `image` height and width at the convolution's input. */
export function patchShape(
  node: Convolution,
  weight: readonly number[],
  image: readonly [number, number],
): PatchShape {
  const [, perGroup = 0, kernelHeight = 0, kernelWidth = 0] = weight;
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = node;
  const channels = perGroup * groups;
  const [height, width] = image;
  return { channels, height, width, kernel: [kernelHeight, kernelWidth], stride, padding, dilation };
}

const reach = (extent: number, kernel: number, { padding, dilation, stride }: PatchShape) =>
  Math.floor((extent + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;

/** Output positions of one image. */
export function positions(shape: PatchShape): { rows: number; cols: number } {
  return {
    rows: reach(shape.height, shape.kernel[0], shape),
    cols: reach(shape.width, shape.kernel[1], shape),
  };
}

/**
 * images [count, channels, height, width] → patches [samples, channels · kernel], at most `most` of them: evenly
 * spread over all positions of all images. Channels come one after another, so groups of channels do too. Outside an
 * image is 0. @throws E-CANCELLED
 */
export async function patchesOf(
  images: Float32Array,
  shape: PatchShape,
  most: number,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const { channels, height, width, kernel } = shape;
  const { rows, cols } = positions(shape);
  const imageSize = channels * height * width;
  const all = (images.length / imageSize) * rows * cols;
  const samples = Math.min(all, most);
  const patch = channels * kernel[0] * kernel[1];
  const values = new Float32Array(samples * patch);
  const copy = (sample: number) => {
    const place = Math.floor((sample * all) / samples);
    const image = Math.floor(place / (rows * cols));
    const position = place % (rows * cols);
    copyPatch(
      images.subarray(image * imageSize, (image + 1) * imageSize),
      shape,
      [Math.floor(position / cols), position % cols],
      values.subarray(sample * patch, (sample + 1) * patch),
    );
  };
  await inPieces(
    samples,
    signal,
    (begin, end) => {
      for (let sample = begin; sample < end; sample += 1) copy(sample);
    },
    Math.ceil(pieceSize / patch),
  );
  return values;
}

function copyPatch(
  image: Float32Array,
  { channels, height, width, kernel, stride, padding, dilation }: PatchShape,
  [row, col]: readonly [number, number],
  target: Float32Array,
): void {
  let at = 0;
  for (let channel = 0; channel < channels; channel += 1) {
    for (let ky = 0; ky < kernel[0]; ky += 1) {
      const y = row * stride - padding + ky * dilation;
      for (let kx = 0; kx < kernel[1]; kx += 1, at += 1) {
        const x = col * stride - padding + kx * dilation;
        if (y < 0 || y >= height || x < 0 || x >= width) continue;
        target[at] = image[(channel * height + y) * width + x] ?? 0;
      }
    }
  }
}
