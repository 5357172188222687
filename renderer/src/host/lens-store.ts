/** Whose weights, and which row of them, the charts look at; shared by the views. */
import { useEffect, useState } from 'react';
import { create } from 'zustand';
import { useConfiguration } from './configuration-store.js';
import type { LayerInfo, RunSummary, WeightQuantizer } from './contract.js';
import { layerByName, onProjectReplaced, useProject } from './project-store.js';
import { useSelection } from './selection-store.js';

interface LensState {
  /** A row of one layer; looking at another layer shows all of its rows. */
  row: { layer: string; index: number } | null;
  /** Null: the model's own float weights. */
  runId: string | null;
}

export const useLensStore = create<LensState>(() => ({ row: null, runId: null }));

onProjectReplaced(() => useLensStore.setState({ row: null, runId: null }));

export function lookAtRow(layer: string, index: number | null): void {
  useLensStore.setState({ row: index === null ? null : { layer, index } });
}

export function lookAtRun(runId: string | null): void {
  useLensStore.setState({ runId });
}

export interface LayerLens {
  /** The primary selected layer. */
  layer: LayerInfo | null;
  /** The layer's quantizer; for a run's weights the one the run was started with. */
  quantizer: WeightQuantizer | null;
  row: number | null;
  /** The run whose weights are shown, if it still exists and has this layer. */
  run: RunSummary | null;
}

export function useLayerLens(): LayerLens {
  const project = useProject((state) => state.project);
  const primary = useSelection((state) => state.primary);
  const { row, runId } = useLensStore();
  const own = useConfiguration((state) => (primary === null ? undefined : state.configuration[primary]));
  const layer = layerByName(project, primary) ?? null;
  const found = runId === null ? null : (project?.runs.find((candidate) => candidate.id === runId) ?? null);
  const frozen = layer ? found?.configuration[layer.name] : undefined;
  const run = frozen ? found : null;
  const inRange = layer !== null && row?.layer === layer.name && row.index < layer.rows;
  return {
    layer,
    quantizer: frozen?.weight ?? own?.weight ?? null,
    row: inRange && row ? row.index : null,
    run,
  };
}

/** A live run's weights are asked for again this often, if the answer before has come. */
const livePeriodMs = 500;

/** Counts up while `live`, at most every 500 ms and never before the last answer (`waiting` false). */
export function useLiveRevision(live: boolean, waiting: boolean): number {
  const [revision, setRevision] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each revision starts the next wait
  useEffect(() => {
    if (!live || waiting) return;
    const timer = setTimeout(() => {
      if (document.visibilityState === 'visible') setRevision((count) => count + 1);
    }, livePeriodMs);
    return () => clearTimeout(timer);
  }, [live, waiting, revision]);
  return revision;
}
