/** What is laid side by side, and against what. */
import { create } from 'zustand';
import type { Bits } from '../../host/contract.js';
import { onProjectReplaced } from '../../host/index.js';

interface CompareState {
  mode: 'runs' | 'bits';
  /** The run all others are measured against. */
  baseline: string | null;
  differencesOnly: boolean;
  /** Columns of the bit-width comparison, 2–6, descending. */
  bits: Bits[];
  baselineBits: Bits | null;
}

export const useCompare = create<CompareState>(() => ({
  mode: 'runs',
  baseline: null,
  differencesOnly: false,
  bits: [8, 4, 3, 2],
  baselineBits: null,
}));

onProjectReplaced(() => useCompare.setState({ baseline: null, differencesOnly: false, baselineBits: null }));

export const fewestColumns = 2;
export const mostColumns = 6;

/** Add or remove a column within 2–6; descending, so that the eye goes from fine to coarse. */
export function toggledBits(bits: readonly Bits[], one: Bits): Bits[] {
  if (bits.includes(one)) {
    return bits.length > fewestColumns ? bits.filter((other) => other !== one) : [...bits];
  }
  return bits.length < mostColumns ? [...bits, one].sort((a, b) => b - a) : [...bits];
}

/** Of the chosen columns those that the quantizer has; where it has none of them, all it has. */
export function shownBits(chosen: readonly Bits[], own: readonly Bits[]): Bits[] {
  const shown = chosen.filter((bits) => own.includes(bits));
  if (shown.length > 0) return shown;
  return [...own].reverse().slice(0, mostColumns);
}

export function toggleBits(one: Bits): void {
  useCompare.setState((state) => {
    const bits = toggledBits(state.bits, one);
    const kept = state.baselineBits !== null && bits.includes(state.baselineBits);
    return { bits, baselineBits: kept ? state.baselineBits : null };
  });
}

export function pinRun(runId: string): void {
  useCompare.setState((state) => ({ baseline: state.baseline === runId ? null : runId }));
}

export function pinBits(bits: Bits): void {
  useCompare.setState((state) => ({ baselineBits: state.baselineBits === bits ? null : bits }));
}
