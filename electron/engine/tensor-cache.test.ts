import { describe, expect, it } from 'vitest';
import { TensorCache } from './tensor-cache.js';
import { testAddon } from './test-support.js';

/** Loads a real native tensor and counts how often. */
function loader() {
  const loads: string[] = [];
  return {
    loads,
    load: (key: string) => async () => {
      loads.push(key);
      return testAddon().tensorFromArray(new Float32Array(4), 2, 2);
    },
  };
}

describe('the tensor cache', () => {
  it('loads once for two callers at the same time and keeps the tensor', async () => {
    const { loads, load } = loader();
    const cache = new TensorCache(64);
    const rows = await Promise.all([1, 2].map(() => cache.use('a', 16, load('a'), async (t) => t.rows)));
    await cache.use('a', 16, load('a'), async (t) => t.cols);
    expect(rows).toEqual([2, 2]);
    expect(loads).toEqual(['a']);
  });

  it('gives up the least recently used within the budget, never one in use', async () => {
    const { loads, load } = loader();
    const cache = new TensorCache(32);
    await cache.use('a', 16, load('a'), async () => {
      await cache.use('b', 16, load('b'), async () => undefined);
      await cache.use('c', 16, load('c'), async () => undefined);
      // Over budget: a is in use, so b had to go.
      await cache.use('a', 16, load('a'), async (tensor) => expect(tensor.rows).toBe(2));
    });
    expect(cache.heldBytes).toBe(32);
    await cache.use('b', 16, load('b'), async () => undefined);
    expect(loads).toEqual(['a', 'b', 'c', 'b']);
  });

  it('does not keep a failed load', async () => {
    const { loads, load } = loader();
    const cache = new TensorCache(32);
    const failing = cache.use(
      'a',
      16,
      async () => {
        throw new Error('disk');
      },
      async () => undefined,
    );
    await expect(failing).rejects.toThrow('disk');
    await cache.use('a', 16, load('a'), async () => undefined);
    expect(loads).toEqual(['a']);
    expect(cache.heldBytes).toBe(16);
  });
});
