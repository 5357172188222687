/** How runs look: the colour says the weight bits, dash and marker tell runs of equal bits apart. */
import { type SeriesStyle, seriesShape } from '../../charts/index.js';
import type { RunSummary } from '../../host/contract.js';
import { commonWeightBits } from '../../host/index.js';
import { bitsColor } from '../../ui/index.js';

export function runColor(run: Pick<RunSummary, 'configuration'>): string {
  const bits = commonWeightBits(run.configuration);
  return bits === null ? 'var(--accent)' : bitsColor(bits);
}

/** In the order of `runs`. Runs of one colour are told apart in the order they were started in. */
export function runStyles(
  runs: readonly Pick<RunSummary, 'id' | 'configuration' | 'createdAt'>[],
): SeriesStyle[] {
  const nth = new Map<string, number>();
  const counts = new Map<string, number>();
  for (const run of [...runs].sort((a, b) => a.createdAt.localeCompare(b.createdAt))) {
    const color = runColor(run);
    const count = counts.get(color) ?? 0;
    nth.set(run.id, count);
    counts.set(color, count + 1);
  }
  return runs.map((run) => ({ color: runColor(run), ...seriesShape(nth.get(run.id) ?? 0) }));
}
