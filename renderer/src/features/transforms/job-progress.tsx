import type { Job } from '../../host/contract.js';
import { cancelJob, useJobs } from '../../host/index.js';
import { Button, Progress } from '../../ui/index.js';

/** The newest running job of a kind, in the dialog that waits for it. */
export function JobProgress({ kind }: { kind: Job['kind'] }) {
  const job = useJobs((state) => state.running.findLast((candidate) => candidate.kind === kind));
  const stopping = useJobs((state) => job !== undefined && state.cancelling.includes(job.id));
  if (!job) return null;
  return (
    <div className="flex min-w-0 flex-1 items-center gap-3 text-sm text-ink2">
      <span className="min-w-0 max-w-64 truncate">{job.detail || job.title}</span>
      <Progress label={job.title} value={job.fraction} className="min-w-16 flex-1" />
      <Button size="sm" busy={stopping} onClick={() => void cancelJob(job.id)}>
        Cancel
      </Button>
    </div>
  );
}
