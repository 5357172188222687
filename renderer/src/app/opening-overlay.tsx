import { useEffect, useState } from 'react';
import { cancelJob, useJobs, useProject } from '../host/index.js';
import { Button, Progress } from '../ui/index.js';

/** Short openings need no overlay: it would only flash. */
const patienceMs = 250;

/** Covers the window while a model or a project is being opened. */
export function OpeningOverlay() {
  const opening = useProject((state) => state.opening);
  const job = useJobs((state) => state.running.find((candidate) => candidate.kind === 'open'));
  const [late, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    if (opening === null) return;
    const timer = setTimeout(() => setLate(true), patienceMs);
    return () => clearTimeout(timer);
  }, [opening]);
  // The main process asks with its own dialog first; then there is no job and nothing to cover.
  if (opening === null || !late || !job) return null;
  return (
    <div role="status" className="fixed inset-0 z-40 flex items-center justify-center bg-overlay">
      <div className="pop-in w-96 rounded-lg border border-line bg-bg1 p-4">
        <p className="mb-1 font-medium">{job.title}</p>
        <p className="mb-3 text-sm text-ink2">{job.detail || 'Reading the file'}</p>
        <Progress label={job.title} value={job.fraction} />
        {job.cancellable ? (
          <div className="mt-3 flex justify-end">
            <Button size="sm" onClick={() => void cancelJob(job.id)}>
              Cancel
            </Button>
          </div>
        ) : null}
      </div>
    </div>
  );
}
