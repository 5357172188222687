import { History, X } from 'lucide-react';
import { useState } from 'react';
import { resumeRun, showTab, useProject } from '../host/index.js';
import { Button, IconButton } from '../ui/index.js';

/** Says that the project came back after the app had ended without closing it, and what can go on. */
export function RecoveredBar() {
  const project = useProject((state) => state.project);
  const [dismissed, setDismissed] = useState<string | null>(null);
  if (!project?.recovered || dismissed === project.id) return null;
  const interrupted = project.runs.filter((run) => run.state === 'interrupted').at(-1);
  const dismiss = () => setDismissed(project.id);
  return (
    <div
      role="status"
      className="flex h-9 shrink-0 items-center gap-3 border-b border-line bg-accent-soft px-3.5 text-sm"
    >
      <History aria-hidden className="size-4 shrink-0 text-accent" />
      <span className="min-w-0 flex-1 truncate">
        Restored after an unexpected end.
        {interrupted
          ? ` ${interrupted.name} stopped at step ${interrupted.progress.step} of ${interrupted.progress.stepsTotal} and can be resumed.`
          : ' Nothing was lost.'}
      </span>
      {interrupted ? (
        <Button
          size="sm"
          onClick={() => {
            dismiss();
            showTab('training');
            void resumeRun(interrupted.id);
          }}
        >
          Resume {interrupted.name}
        </Button>
      ) : null}
      <IconButton size="sm" label="Dismiss" icon={<X className="size-3.5" />} onClick={dismiss} />
    </div>
  );
}
