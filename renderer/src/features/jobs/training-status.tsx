import { Pause, Play, Square } from 'lucide-react';
import { useState } from 'react';
import type { RunSummary } from '../../host/contract.js';
import { cancelRun, pauseRun, resumeRun, showTab } from '../../host/index.js';
import { IconButton, Progress } from '../../ui/index.js';
import { progressText, remainingText } from './run-text.js';

/** The training that runs or is paused, with its controls. */
export function TrainingStatus({ run }: { run: RunSummary }) {
  const [asked, setAsked] = useState<'pause' | 'cancel' | null>(null);
  const paused = run.state === 'paused';
  const ask = async (what: 'pause' | 'cancel', action: () => Promise<unknown>) => {
    setAsked(what);
    await action();
    setAsked(null);
  };
  return (
    <div className="flex min-w-0 items-center gap-3">
      <button
        type="button"
        onClick={() => showTab('training')}
        className="min-w-0 truncate rounded-sm hover:text-ink"
        title="Show the training"
      >
        <span className="text-ink">{paused ? `Paused: ${run.name}` : `Training ${run.name}`}</span>
        <span className="figure"> · {progressText(run)}</span>
      </button>
      <Progress
        label={`Progress of ${run.name}`}
        value={run.progress.step / run.progress.stepsTotal}
        tone={paused ? 'warn' : 'accent'}
        className="w-36 shrink-0"
      />
      <span className="figure w-[72px] shrink-0 text-right whitespace-nowrap">
        {paused ? '' : remainingText(run.progress.remainingMs)}
      </span>
      <span className="flex gap-0.5">
        <IconButton
          size="sm"
          label={paused ? 'Resume training' : 'Pause training'}
          shortcut="F6"
          busy={asked === 'pause'}
          icon={paused ? <Play className="size-3.5" /> : <Pause className="size-3.5" />}
          onClick={() => void ask('pause', () => (paused ? resumeRun(run.id) : pauseRun(run.id)))}
        />
        <IconButton
          size="sm"
          label="Cancel training"
          shortcut="Shift+F5"
          busy={asked === 'cancel'}
          icon={<Square className="size-3" />}
          onClick={() => void ask('cancel', () => cancelRun(run.id))}
        />
      </span>
    </div>
  );
}
