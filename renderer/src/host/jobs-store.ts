/** Long tasks of the main process other than training. */
import { create } from 'zustand';
import { request } from './client.js';
import type { Job } from './contract.js';
import { notify } from './notices.js';

interface JobsState {
  /** Running jobs, oldest first. */
  running: Job[];
  /** The last ended jobs, newest first. */
  ended: Job[];
  /** Jobs whose cancel was asked for and not yet answered. */
  cancelling: string[];
}

export const useJobs = create<JobsState>(() => ({ running: [], ended: [], cancelling: [] }));

const maxEnded = 20;

export function applyJob(job: Job): void {
  useJobs.setState((state) => {
    if (job.state === 'running') {
      const known = state.running.some((other) => other.id === job.id);
      const running = known
        ? state.running.map((other) => (other.id === job.id ? job : other))
        : [...state.running, job];
      return { running };
    }
    return {
      running: state.running.filter((other) => other.id !== job.id),
      ended: [job, ...state.ended.filter((other) => other.id !== job.id)].slice(0, maxEnded),
      cancelling: state.cancelling.filter((id) => id !== job.id),
    };
  });
}

export async function cancelJob(jobId: string): Promise<void> {
  useJobs.setState((state) => ({ cancelling: [...state.cancelling, jobId] }));
  try {
    await request('job.cancel', { jobId });
  } catch (thrown) {
    useJobs.setState((state) => ({ cancelling: state.cancelling.filter((id) => id !== jobId) }));
    notify(thrown, 'cancelling');
  }
}
