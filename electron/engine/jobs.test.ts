import { describe, expect, it } from 'vitest';
import type { AppEvent, Job } from '../contract/index.js';
import { Jobs } from './jobs.js';

function makeJobs(): { jobs: Jobs; seen: Job[] } {
  const seen: Job[] = [];
  const emit = (event: AppEvent) => {
    if (event.type === 'job.changed') seen.push(event.job);
  };
  return { jobs: new Jobs(emit), seen };
}

/** Resolves when the signal is aborted, as native work does. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
  });
}

describe('jobs', () => {
  it('announces start and end under the id it was given, and hands the result through', async () => {
    const { jobs, seen } = makeJobs();
    const result = await jobs.run('export', 'Export a', { jobId: 'j1' }, async (job) => {
      job.progress(0.5, 'half');
      return 42;
    });
    expect(result).toBe(42);
    expect(seen.map((job) => [job.id, job.state])).toEqual([
      ['j1', 'running'],
      ['j1', 'done'],
    ]);
    expect(seen.at(-1)).toMatchObject({ fraction: 1, cancellable: false, detail: 'half' });
  });

  it('one that is to be announced late is not heard of when it ends before, and is when it proves long', async () => {
    const { jobs, seen } = makeJobs();
    const late = { announceAfterMs: 30 };
    await jobs.run('analyze', 'quick', late, async (job) => job.progress(0.5, 'half'));
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(seen).toEqual([]);
    await jobs.run('analyze', 'slow', late, () => new Promise((resolve) => setTimeout(resolve, 90)));
    expect(seen.map(({ title, state }) => [title, state])).toEqual([
      ['slow', 'running'],
      ['slow', 'done'],
    ]);
  });

  it('cancel by id aborts the work, and the call ends with E-CANCELLED even when the work failed otherwise', async () => {
    const { jobs, seen } = makeJobs();
    const running = jobs.run('prepare', 'p', { jobId: 'j2' }, async (job) => {
      await untilAborted(job.signal).catch(() => {
        throw Object.assign(new Error('native'), { code: 'E-CANCELLED', remedy: 'Start again.' });
      });
    });
    jobs.cancel('j2');
    await expect(running).rejects.toMatchObject({ code: 'E-CANCELLED' });
    expect(seen.at(-1)?.state).toBe('cancelled');
  });

  it('the caller’s signal cancels too, and one aborted before starts nothing', async () => {
    const { jobs, seen } = makeJobs();
    const early = AbortSignal.abort();
    await expect(jobs.run('open', 'o', { signal: early }, async () => 1)).rejects.toMatchObject({
      code: 'E-CANCELLED',
    });
    expect(seen).toEqual([]);
  });

  it('an unknown failure becomes E-INTERNAL with its message, and the job is failed', async () => {
    const { jobs, seen } = makeJobs();
    const broken = jobs.run('open', 'o', undefined, async () => {
      throw new Error('boom');
    });
    await expect(broken).rejects.toMatchObject({ code: 'E-INTERNAL', message: 'boom' });
    expect(seen.at(-1)?.state).toBe('failed');
  });

  it('a burst of progress sends few events', async () => {
    const { jobs, seen } = makeJobs();
    await jobs.run('analyze', 'a', undefined, async (job) => {
      for (let i = 0; i < 10_000; i += 1) job.progress(i / 10_000, `${i}`);
    });
    expect(seen.length).toBeLessThan(20);
    expect(seen.every((job) => job.remainingMs === null)).toBe(true);
  });
});
