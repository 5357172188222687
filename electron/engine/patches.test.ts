/** Patches of an image times the weight's matrix are the convolution, by the native layer. */
import { describe, expect, it } from 'vitest';
import { patchesOf, positions } from './patches.js';
import { testAddon, uniform } from './test-support.js';

const shapes = [
  { stride: 1, padding: 0, dilation: 1, kernel: [3, 3] as const },
  { stride: 2, padding: 1, dilation: 1, kernel: [3, 2] as const },
  { stride: 1, padding: 2, dilation: 2, kernel: [2, 3] as const },
];

describe('patches', () => {
  it.each(shapes)(
    'of stride $stride, padding $padding, dilation $dilation give the convolution',
    async (window) => {
      const channels = 2;
      const [height, width] = [7, 5];
      const outputs = 3;
      const shape = { channels, height, width, ...window };
      const cols = channels * window.kernel[0] * window.kernel[1];
      const images = uniform(2 * channels * height * width, 1, 1);
      const weight = uniform(outputs * cols, 1, 2);
      const layer = testAddon().createConv2d({
        inChannels: channels,
        outChannels: outputs,
        height,
        width,
        ...window,
        kernel: [...window.kernel],
        wBit: 32,
        aBit: 32,
      });
      layer.setWeightData(weight);
      const y = layer.forward(images);
      layer.dispose();
      const places = positions(shape);
      const perImage = places.rows * places.cols;
      const values = await patchesOf(images, shape, 1e6);
      const samples = values.length / cols;
      expect(samples).toBe(2 * perImage);
      for (let sample = 0; sample < samples; sample += 1) {
        for (let out = 0; out < outputs; out += 1) {
          let sum = 0;
          for (let at = 0; at < cols; at += 1)
            sum += (values[sample * cols + at] ?? 0) * (weight[out * cols + at] ?? 0);
          const image = Math.floor(sample / perImage);
          expect(y[(image * outputs + out) * perImage + (sample % perImage)]).toBeCloseTo(sum, 4);
        }
      }
    },
  );

  it('are spread over all places when there may be fewer', async () => {
    const shape = {
      channels: 1,
      height: 4,
      width: 4,
      stride: 1,
      padding: 0,
      dilation: 1,
      kernel: [1, 1] as const,
    };
    const images = Float32Array.from({ length: 32 }, (_, at) => at);
    expect([...(await patchesOf(images, shape, 4))]).toEqual([0, 8, 16, 24]);
  });
});
