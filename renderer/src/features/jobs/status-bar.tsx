import { CircleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import {
  activeRun,
  isaName,
  setLogOpen,
  useAppInfo,
  useJobs,
  useNotices,
  useProject,
} from '../../host/index.js';
import { formatBytes, plural, StateDot, Tooltip } from '../../ui/index.js';
import { JobStatus } from './job-status.js';
import { TrainingStatus } from './training-status.js';

function Backend() {
  const info = useAppInfo((state) => state.info);
  if (!info) return <StateDot tone="warn" label="The engine has not answered yet" />;
  const { device, isa, threads } = info.backend;
  return (
    <span className="flex shrink-0 items-center gap-2">
      <StateDot tone="ok" label="The engine is ready" />
      <span className="whitespace-nowrap">
        {device} · {isaName(isa)} · {plural(threads, 'thread')}
      </span>
    </span>
  );
}

function ErrorCount() {
  const unread = useNotices((state) => state.unread);
  const total = useNotices((state) => state.log.length);
  if (total === 0) return null;
  return (
    <Tooltip content="Error log" shortcut="$mod+J" side="top">
      <button
        type="button"
        onClick={() => setLogOpen(true)}
        className={`flex shrink-0 items-center gap-1 rounded-sm px-1 hover:text-ink ${unread > 0 ? 'text-bad' : ''}`}
      >
        <CircleAlert aria-hidden className="size-3.5" />
        {plural(total, 'error')}
      </button>
    </Tooltip>
  );
}

/** Backend, memory, what is going on; between them `children`, a notice on one line. */
export function StatusBar({ children }: { children?: ReactNode }) {
  const memory = useAppInfo((state) => state.residentBytes);
  const runs = useProject((state) => state.project?.runs);
  const jobs = useJobs((state) => state.running);
  const run = activeRun(runs ?? []);
  return (
    <footer className="flex h-[30px] shrink-0 items-center gap-4 border-t border-line bg-bg1 px-3.5 text-sm text-ink2">
      <Backend />
      {memory === null ? null : (
        <span className="figure shrink-0" title="Memory of the engine's process">
          {formatBytes(memory)}
        </span>
      )}
      <ErrorCount />
      <div className="min-w-0 flex-1">{children}</div>
      <JobStatus jobs={jobs} />
      {run ? <TrainingStatus run={run} /> : null}
      {!run && jobs.length === 0 ? <span className="text-ink3">Ready</span> : null}
    </footer>
  );
}
