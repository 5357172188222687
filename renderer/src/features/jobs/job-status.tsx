import { X } from 'lucide-react';
import type { Job } from '../../host/contract.js';
import { cancelJob, useJobs } from '../../host/index.js';
import { IconButton, Progress } from '../../ui/index.js';
import { remainingText } from './run-text.js';

/** The newest running job; the others are counted. */
export function JobStatus({ jobs }: { jobs: readonly Job[] }) {
  const cancelling = useJobs((state) => state.cancelling);
  const job = jobs[jobs.length - 1];
  if (!job) return null;
  const stopping = cancelling.includes(job.id);
  return (
    <div className="flex min-w-0 items-center gap-3">
      <span className="min-w-0 truncate">
        <span className="text-ink">{job.title}</span>
        {job.detail ? <span> · {job.detail}</span> : null}
        {jobs.length > 1 ? <span className="text-ink3"> · {jobs.length - 1} more</span> : null}
      </span>
      <Progress label={job.title} value={job.fraction} className="w-28 shrink-0" />
      <span className="figure shrink-0 whitespace-nowrap">
        {stopping ? 'stopping…' : remainingText(job.remainingMs)}
      </span>
      {job.cancellable ? (
        <IconButton
          size="sm"
          label={`Cancel: ${job.title}`}
          busy={stopping}
          icon={<X className="size-3.5" />}
          onClick={() => void cancelJob(job.id)}
        />
      ) : null}
    </div>
  );
}
