/** Figures of one layer, shared between the quantizer panel and the charts. */
import { type Analysis, defaultLayerConfig, type WeightQuantizer, type WhatIf } from './contract.js';
import { type Latest, useLatestRequest } from './latest-request.js';
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
}

const drawnBins = 256;

/** A prepared layer is looked at with its own scales, an unprepared one with estimated ones. */
function useRevision(layer: string | null, options: LensOptions): string {
  const state = useProject(({ project }) => layerByName(project, layer)?.state ?? 'float');
  return `${options.revision ?? 0} ${state === 'float' ? 'estimated' : 'prepared'}`;
}

function lensOf(quantizer: WeightQuantizer, options: LensOptions) {
  return { quantizer, row: options.row ?? null, range: options.range ?? null, drawnBins };
}

/** What does not depend on the bits is asked with these, so that moving the bits does not ask again. */
function withoutBits(quantizer: WeightQuantizer): WeightQuantizer {
  const grid = quantizer.grid === 'binary' ? defaultLayerConfig.weight.grid : quantizer.grid;
  return { ...quantizer, bits: defaultLayerConfig.weight.bits, grid };
}

/**
 * Statistics, histogram and the errors at bits 1–8 of a layer. Does not ask again when only the bits of
 * the quantizer change; so `current` inside is not the layer's: take that from `useWhatIf`.
 */
export function useAnalysis(
  layer: string | null,
  quantizer: WeightQuantizer | null,
  options: LensOptions = {},
): Latest<Analysis> {
  const runId = options.runId ?? null;
  const input =
    layer !== null && quantizer !== null
      ? { source: { layer, runId }, lens: lensOf(withoutBits(quantizer), options) }
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
  const revision = useRevision(layer, options);
  return useLatestRequest('layer.whatIf', input, { cached: runId === null, revision });
}
