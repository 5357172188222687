import { act, renderHook, waitFor } from '@testing-library/react';
import { beforeEach, describe, expect, it } from 'vitest';
import { useWhatIf } from './analysis.js';
import { type Bits, defaultLayerConfig } from './contract.js';
import { forgetAnswers } from './latest-request.js';
import { installBridge, Refusal } from './testing/recorded-bridge.js';
import { sampleWhatIf } from './testing/sample-state.js';

/** Answers wait until the test lets them go, in the order it likes. */
function heldBridge() {
  const held: { bits: Bits; go(): void }[] = [];
  const bridge = installBridge({
    'layer.whatIf': async ({ lens }) => {
      await new Promise<void>((resolve) => held.push({ bits: lens.quantizer.bits, go: resolve }));
      return sampleWhatIf(lens.quantizer.bits);
    },
  });
  return { bridge, held };
}

const quantizer = (bits: Bits) => ({ ...defaultLayerConfig.weight, bits });

describe('useLatestRequest', () => {
  beforeEach(forgetAnswers);

  it('shows the answer to the newest question whatever the order of the answers, and cancels the old', async () => {
    const { bridge, held } = heldBridge();
    const { result, rerender } = renderHook(({ bits }: { bits: Bits }) => useWhatIf('fc1', quantizer(bits)), {
      initialProps: { bits: 8 },
    });
    await waitFor(() => expect(held).toHaveLength(1));
    rerender({ bits: 2 });
    await waitFor(() => expect(held).toHaveLength(2));
    expect(bridge.cancelled).toEqual([bridge.calls[0]?.id]);
    await act(async () => held[1]?.go());
    await act(async () => held[0]?.go());
    expect(result.current.data?.error.bits).toBe(2);
    expect(result.current.loading).toBe(false);
  });

  it('asks an equal question of two places once', async () => {
    const { bridge, held } = heldBridge();
    const first = renderHook(() => useWhatIf('fc1', quantizer(4)));
    const second = renderHook(() => useWhatIf('fc1', quantizer(4)));
    await waitFor(() => expect(held).toHaveLength(1));
    // One of the two goes away: the other still wants the answer.
    first.unmount();
    expect(bridge.cancelled).toEqual([]);
    await act(async () => held[0]?.go());
    expect(second.result.current.data?.error.bits).toBe(4);
    expect(bridge.calls).toHaveLength(1);
  });

  it('does not ask again for what it was told', async () => {
    const bridge = installBridge({ 'layer.whatIf': ({ lens }) => sampleWhatIf(lens.quantizer.bits) });
    const { result, rerender } = renderHook(({ bits }: { bits: Bits }) => useWhatIf('fc1', quantizer(bits)), {
      initialProps: { bits: 4 },
    });
    await waitFor(() => expect(result.current.data?.error.bits).toBe(4));
    rerender({ bits: 8 });
    await waitFor(() => expect(result.current.data?.error.bits).toBe(8));
    rerender({ bits: 4 });
    await waitFor(() => expect(result.current.data?.error.bits).toBe(4));
    expect(bridge.calls).toHaveLength(2);
  });

  it('shows what it was told before in the very rendering that asks, never waiting in between', async () => {
    installBridge({ 'layer.whatIf': ({ lens }) => sampleWhatIf(lens.quantizer.bits) });
    const seen: { bits: Bits; answer: number | undefined; loading: boolean }[] = [];
    const { result, rerender } = renderHook(
      ({ bits }: { bits: Bits }) => {
        const latest = useWhatIf('fc1', quantizer(bits));
        seen.push({ bits, answer: latest.data?.error.bits, loading: latest.loading });
        return latest;
      },
      { initialProps: { bits: 4 } },
    );
    await waitFor(() => expect(result.current.data?.error.bits).toBe(4));
    rerender({ bits: 8 });
    await waitFor(() => expect(result.current.data?.error.bits).toBe(8));
    seen.length = 0;
    rerender({ bits: 4 });
    expect(seen.length).toBeGreaterThan(0);
    for (const shown of seen) expect(shown).toEqual({ bits: 4, answer: 4, loading: false });
  });

  it('gives a refusal as an error and recovers with the next question', async () => {
    installBridge({
      'layer.whatIf': ({ lens }) => {
        if (lens.quantizer.bits === 4) {
          throw new Refusal({ code: 'E-WEIGHT-NOT-FINITE', message: 'NaN at row 3.', remedy: 'Mend it.' });
        }
        return sampleWhatIf(lens.quantizer.bits);
      },
    });
    const { result, rerender } = renderHook(({ bits }: { bits: Bits }) => useWhatIf('fc1', quantizer(bits)), {
      initialProps: { bits: 4 },
    });
    await waitFor(() => expect(result.current.error?.code).toBe('E-WEIGHT-NOT-FINITE'));
    rerender({ bits: 8 });
    await waitFor(() => expect(result.current.data?.error.bits).toBe(8));
    expect(result.current.error).toBeNull();
  });
});
