/** Figures of one layer, shared between the quantizer panel and the charts. */
import { useEffect } from 'react';
import { legalWeight } from './configuration-store.js';
import {
  type Analysis,
  type Bits,
  bitWidths,
  defaultLayerConfig,
  type WeightQuantizer,
  type WhatIf,
} from './contract.js';
import { askAhead, type Latest, useLatestRequest } from './latest-request.js';
import { type OwnBits, useOwnBits } from './own-bits.js';
import { layerByName, useProject } from './project-store.js';

export interface LensOptions {
  /** Output channel whose values and levels are shown; null = all. */
  row?: number | null;
  /** Zoomed value range; null = the full range. */
  range?: { low: number; high: number } | null;
  /** Weights of this run instead of the model's. */
  runId?: string | null;
  /** Raise it to ask a live run again. */
  revision?: number;
  /** Lets the question wait, so that what is more urgent is drawn first. */
  delayMs?: number;
}

const drawnBins = 256;

/**
 * A prepared layer is looked at with the scales of its result; an unprepared one, and any layer under another
 * quantizer than its own, with estimated ones.
 */
function useRevision(layer: string | null, quantizer: WeightQuantizer | null, options: LensOptions): string {
  const scales = useProject(({ project }) => {
    const own = layer === null ? undefined : project?.configuration[layer]?.weight;
    const result = layerByName(project, layer)?.result;
    return result && JSON.stringify(own) === JSON.stringify(quantizer) ? result : estimated;
  });
  return revisionOf(options.revision ?? 0, scales);
}

const estimated = 'estimated';
const revisionOf = (revision: number, scales: string) => `${revision} ${scales}`;

function lensOf(quantizer: WeightQuantizer, options: LensOptions) {
  return { quantizer, row: options.row ?? null, range: options.range ?? null, drawnBins };
}

/** What does not depend on the bits is asked with these where the quantizer has them, so that moving the bits does not ask again. */
function withoutBits(quantizer: WeightQuantizer, own: OwnBits): WeightQuantizer {
  const { bits } = defaultLayerConfig.weight;
  return own.bits.includes(bits) ? legalWeight(quantizer, { bits }) : quantizer;
}

/**
 * Statistics, histogram and the errors at bits 1–8 of a layer: nothing of it depends on the bits of the
 * quantizer, so it is not asked again when they change.
 */
export function useAnalysis(
  layer: string | null,
  quantizer: WeightQuantizer | null,
  options: LensOptions = {},
): Latest<Analysis> {
  const runId = options.runId ?? null;
  const own = useOwnBits(quantizer);
  const input =
    layer !== null && quantizer !== null
      ? { source: { layer, runId }, lens: lensOf(withoutBits(quantizer, own), options) }
      : null;
  return useLatestRequest('layer.analyze', input, {
    cached: runId === null,
    revision: options.revision ?? 0,
  });
}

/** Error, levels and code use of a layer under `quantizer`, whatever the layer is set to. */
export function useWhatIf(
  layer: string | null,
  quantizer: WeightQuantizer | null,
  options: LensOptions = {},
): Latest<WhatIf> {
  const runId = options.runId ?? null;
  const input =
    layer !== null && quantizer !== null
      ? { source: { layer, runId }, lens: lensOf(quantizer, options) }
      : null;
  const revision = useRevision(layer, quantizer, options);
  return useLatestRequest('layer.whatIf', input, {
    cached: runId === null,
    revision,
    delayMs: options.delayMs ?? 0,
  });
}

/** Nobody waits for these answers: they start when the view has rested this long. */
const aheadAfterMs = 300;
/** What takes longer than this natively is only computed when somebody wants it. */
const aheadWithinMs = 200;

/**
 * Once `known` is there, asks for the other bit-widths of the model's weights one after the other, the nearest
 * first, so that moving the bits finds its answer. Anything that changes the question stops it.
 */
export function useOtherBitsAhead(
  layer: string | null,
  quantizer: WeightQuantizer | null,
  options: LensOptions,
  known: WhatIf | null,
): void {
  const { row = null, range = null } = options;
  const wanted = (options.runId ?? null) === null && known !== null && known.nativeMs <= aheadWithinMs;
  const lens = quantizer === null ? null : JSON.stringify(lensOf(quantizer, { row, range }));
  const own = useOwnBits(quantizer).bits.join('');
  const attempt = options.revision ?? 0;
  useEffect(() => {
    if (!wanted || layer === null || lens === null) return;
    const controller = new AbortController();
    const timer = setTimeout(async () => {
      const now: ReturnType<typeof lensOf> = JSON.parse(lens);
      const revision = revisionOf(attempt, estimated);
      for (const bits of nearestFirst(now.quantizer.bits, own)) {
        const input = {
          source: { layer, runId: null },
          lens: { ...now, quantizer: legalWeight(now.quantizer, { bits }) },
        };
        await askAhead('layer.whatIf', input, { revision, signal: controller.signal });
      }
    }, aheadAfterMs);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [wanted, layer, lens, own, attempt]);
}

/** `own`: the digits of the bits to choose from. */
function nearestFirst(bits: Bits, own: string): Bits[] {
  const others = bitWidths.filter((width) => width !== bits && width !== 32 && own.includes(String(width)));
  return others.sort((a, b) => Math.abs(a - bits) - Math.abs(b - bits));
}
