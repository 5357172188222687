/** Small histograms of the layers in sight, fetched together and kept while the project is open. */
import { create } from 'zustand';
import { onProjectReplaced, request } from '../../host/index.js';

const bins = 32;
const maxPerRequest = 200;
const gatherMs = 30;

interface ThumbnailState {
  /** Layer → counts; an empty list = it could not be computed. */
  counts: Record<string, readonly number[]>;
}

export const useThumbnails = create<ThumbnailState>(() => ({ counts: {} }));

const wanted = new Set<string>();
const asked = new Set<string>();
let timer: ReturnType<typeof setTimeout> | undefined;
/** Answers about the project before are not taken. */
let generation = 0;

onProjectReplaced(() => {
  wanted.clear();
  asked.clear();
  generation += 1;
  useThumbnails.setState({ counts: {} });
});

/** Ask for these layers' thumbnails, once. */
export function wantThumbnails(layers: readonly string[]): void {
  for (const layer of layers) if (!asked.has(layer)) wanted.add(layer);
  if (wanted.size > 0 && timer === undefined) timer = setTimeout(() => void fetchWanted(), gatherMs);
}

async function fetchWanted(): Promise<void> {
  timer = undefined;
  const layers = [...wanted].slice(0, maxPerRequest);
  for (const layer of layers) {
    wanted.delete(layer);
    asked.add(layer);
  }
  if (layers.length === 0) return;
  const asking = generation;
  try {
    const { thumbnails } = await request('layer.thumbnails', { layers, bins });
    if (asking === generation)
      add(Object.fromEntries(thumbnails.map(({ layer, counts }) => [layer, counts])));
  } catch {
    // A missing thumbnail is no reason to interrupt: the analysis of the layer names the failure.
    if (asking === generation) add(Object.fromEntries(layers.map((layer) => [layer, []])));
  }
  if (wanted.size > 0) timer = setTimeout(() => void fetchWanted(), gatherMs);
}

function add(more: Record<string, readonly number[]>): void {
  useThumbnails.setState((state) => ({ counts: { ...state.counts, ...more } }));
}

/** The outline of a histogram as an SVG path, `width` × `height`, closed along the bottom. */
export function thumbnailPath(counts: readonly number[], width: number, height: number): string {
  const top = Math.max(...counts, 1);
  const step = width / counts.length;
  const points = counts.map((count, index) => {
    const y = (height - (count / top) * height).toFixed(1);
    return `L${(index * step).toFixed(1)} ${y}H${((index + 1) * step).toFixed(1)}`;
  });
  return `M0 ${height}${points.join('')}V${height}Z`;
}
