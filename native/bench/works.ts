/** Times every workload of the comparison with peers, on one and two threads, against floors and kept times. */
import type { Ceilings } from './floors.js';
import { floorMs } from './floors.js';
import column, { type Shape } from './peers-addon.mjs';
import { row, summarize, type Timing } from './timing.js';

/** M, K, N and how many copies of the weight take turns: more than caches hold, as in a deep model. */
const shapes: readonly Omit<Shape, 'threads'>[] = [
  { M: 1, K: 4096, N: 4096, copies: 10 },
  { M: 16, K: 4096, N: 4096, copies: 10 },
  { M: 128, K: 784, N: 512, copies: 1 },
  { M: 512, K: 1024, N: 1024, copies: 1 },
];

export interface WorkTiming extends Timing {
  floorMs: number | null;
}

export async function benchWorks(
  ceilings: readonly Ceilings[],
  options: { rounds: number; only: RegExp; baseline: Record<string, WorkTiming> | null },
): Promise<Record<string, WorkTiming>> {
  const results: Record<string, WorkTiming> = {};
  for (const [work, variants] of Object.entries(column.works)) {
    for (const [variant, prepare] of Object.entries(variants)) {
      for (const shape of work.startsWith('gemm') ? shapes : [{}]) {
        const { M, K, N } = shape;
        for (const threads of [1, 2]) {
          const name = `${work} ${variant}${M ? ` ${M}x${K}x${N}` : ''}, ${threads} thread(s)`;
          if (!options.only.test(name)) continue;
          const timing = await timeOne(() => prepare({ ...shape, threads }), options.rounds);
          const ceiling = ceilings.find((c) => c.threads === threads);
          const floor = ceiling ? floorMs(work, { ...shape, threads }, ceiling) : null;
          results[name] = { ...timing, floorMs: floor };
          console.log(row(name, timing, note(timing, floor, options.baseline?.[name])));
        }
      }
    }
  }
  return results;
}

async function timeOne(
  prepare: () => ReturnType<(typeof column.works)[string][string]>,
  rounds: number,
): Promise<Timing> {
  const job = await prepare();
  job.before?.();
  const times: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const start = performance.now();
    await job.run();
    if (round >= 0) times.push((performance.now() - start) / (job.per ?? 1));
  }
  job.dispose?.();
  return summarize(times);
}

function note(timing: Timing, floor: number | null, kept: WorkTiming | undefined): string {
  const parts: string[] = [];
  if (floor) parts.push(`${(timing.medianMs / floor).toFixed(2)} x floor`);
  if (kept) parts.push(`${(timing.medianMs / kept.medianMs).toFixed(2)} of the baseline`);
  return parts.join(', ');
}
