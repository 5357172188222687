/** Analysis and what-if of the primary layer as one picture: never half of the old and half of the new. */
import { useRef, useState } from 'react';
import { useAnalysis, useOtherBitsAhead, useWhatIf } from './analysis.js';
import type { Analysis, Statistics, WeightQuantizer, WhatIf } from './contract.js';
import type { HostError } from './host-error.js';
import { type LayerLens, useLayerLens, useLiveRevision } from './lens-store.js';

export interface FigurePair {
  analysis: Analysis;
  whatIf: WhatIf;
  /** What `whatIf` was asked with. */
  quantizer: WeightQuantizer;
  layer: string;
  row: number | null;
  range: { low: number; high: number } | null;
  runId: string | null;
  /** Counts the snapshots of a live run, for others who ask about the same weights. */
  revision: number;
}

/** What an axis of a layer's values must hold: all of them and all of these levels; never empty. */
export function valueRange(
  { min, max }: Pick<Statistics, 'min' | 'max'>,
  levels: readonly (readonly number[])[],
): { low: number; high: number } {
  const low = Math.min(min, ...levels.flat());
  const high = Math.max(max, ...levels.flat());
  if (high > low) return { low, high };
  // A constant tensor still has a width to draw.
  const half = Math.abs(low) * 0.05 || 0.5;
  return { low: low - half, high: high + half };
}

export interface LayerFigures {
  lens: LayerLens;
  /** The last complete answer; null until the first. */
  pair: FigurePair | null;
  /** A newer answer is awaited. */
  busy: boolean;
  error: HostError | null;
  /** Ask once more after an error. */
  retry(): void;
}

export function useLayerFigures(range: { low: number; high: number } | null): LayerFigures {
  const lens = useLayerLens();
  const [attempt, setAttempt] = useState(0);
  const [waiting, setWaiting] = useState(false);
  const live = lens.run?.state === 'running';
  const revision = useLiveRevision(live, waiting);
  const name = lens.layer?.name ?? null;
  const options = { row: lens.row, range, runId: lens.run?.id ?? null, revision: revision + attempt * 1e6 };
  const analysis = useAnalysis(name, lens.quantizer, options);
  const whatIf = useWhatIf(name, lens.quantizer, options);
  const busy = analysis.loading || whatIf.loading;
  useOtherBitsAhead(name, lens.quantizer, options, busy ? null : whatIf.data);
  if (busy !== waiting) setWaiting(busy);

  const last = useRef<FigurePair | null>(null);
  if (name === null) last.current = null;
  else if (!busy && analysis.data && whatIf.data && lens.quantizer) {
    const known = last.current;
    const same = known?.analysis === analysis.data && known.whatIf === whatIf.data;
    if (!same) {
      const { data } = analysis;
      last.current = {
        analysis: data,
        whatIf: whatIf.data,
        quantizer: lens.quantizer,
        layer: name,
        row: lens.row,
        range,
        runId: options.runId,
        revision: options.revision,
      };
    }
  }
  return {
    lens,
    pair: last.current,
    busy,
    error: analysis.error ?? whatIf.error,
    retry: () => setAttempt((count) => count + 1),
  };
}
