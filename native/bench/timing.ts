/** Timing of repeated calls. */

export interface Timing {
  medianMs: number;
  minMs: number;
  rounds: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function summarize(times: readonly number[]): Timing {
  return { medianMs: median(times), minMs: Math.min(...times), rounds: times.length };
}

/** Runs `work` until it has been measured `rounds` times, after two runs that do not count. */
export async function measure(rounds: number, work: () => unknown): Promise<Timing> {
  const times: number[] = [];
  for (let round = -2; round < rounds; round++) {
    const start = performance.now();
    await work();
    if (round >= 0) times.push(performance.now() - start);
  }
  return summarize(times);
}

export function row(name: string, timing: Timing, note = ''): string {
  return `${name.padEnd(44)} ${timing.medianMs.toFixed(3).padStart(10)} ms  min ${timing.minMs.toFixed(3).padStart(10)}  ${note}`;
}
