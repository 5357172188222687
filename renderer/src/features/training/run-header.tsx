/** One run at a glance: how far it is, how long it takes, what came of it. */

import { Pause, Play, Square } from 'lucide-react';
import { Fragment } from 'react';
import { formatDelta } from '../../charts/index.js';
import { isActive, type RunSummary } from '../../host/contract.js';
import {
  accuracyChange,
  cancelRun,
  configurationLabel,
  pauseRun,
  resumeRun,
  runState,
} from '../../host/index.js';
import {
  Button,
  formatCount,
  formatDuration,
  formatNumber,
  formatShare,
  Progress,
  StateDot,
} from '../../ui/index.js';

const progressTones = {
  running: 'accent',
  paused: 'warn',
  finished: 'ok',
  failed: 'bad',
  cancelled: 'warn',
  interrupted: 'warn',
} as const;

function progressFigures(run: RunSummary): string[] {
  const { progress, training } = run;
  const figures = [
    `epoch ${Math.min(training.epochs, progress.epoch).toFixed(1)} of ${training.epochs}`,
    `step ${formatCount(progress.step)} of ${formatCount(progress.stepsTotal)}`,
  ];
  if (progress.loss !== null) figures.push(`training loss ${formatNumber(progress.loss, 3)}`);
  if (progress.stepMs !== null) figures.push(`${formatNumber(progress.stepMs, 3)} ms/step`);
  return figures;
}

export function RunHeader({ run }: { run: RunSummary }) {
  const { word, tone } = runState(run);
  const { progress, result } = run;
  const bits = configurationLabel(run.configuration);
  const active = isActive(run);
  return (
    <section
      aria-label={`Run ${run.name}`}
      className="shrink-0 rounded-lg border border-line bg-bg1 px-3 py-2"
    >
      <div className="flex min-h-7 min-w-0 flex-wrap items-center gap-x-2.5">
        <StateDot tone={tone} label={word} />
        <h2 className="max-w-64 min-w-12 shrink-0 truncate text-base font-semibold" title={run.name}>
          {run.name}
        </h2>
        <span className="figure min-w-0 truncate text-ink2">
          {run.name.includes(bits) ? word : `${bits} · ${word}`}
        </span>
        <span className="flex-1" />
        {result ? <Outcome run={run} result={result} /> : null}
        {active && progress.remainingMs !== null && run.state === 'running' ? (
          <span className="figure text-ink2">{formatDuration(progress.remainingMs)} left</span>
        ) : null}
        <RunButtons run={run} />
      </div>
      <div className="mt-1 flex items-center gap-3">
        <Progress
          label={`Progress of ${run.name}`}
          value={progress.step / progress.stepsTotal}
          tone={progressTones[run.state]}
          className="flex-1"
        />
        <span className="figure text-ink2">
          {progressFigures(run).map((figure, index) => (
            <Fragment key={figure}>
              {index > 0 ? ' · ' : ''}
              <span className="whitespace-nowrap">{figure}</span>
            </Fragment>
          ))}
        </span>
      </div>
      {run.error ? (
        <p role="alert" className="mt-1.5 text-sm text-bad" data-selectable>
          {run.error.message} <span className="text-ink2">{run.error.remedy}</span>
        </p>
      ) : null}
    </section>
  );
}

function Outcome({ run, result }: { run: RunSummary; result: NonNullable<RunSummary['result']> }) {
  const figures = [
    { name: 'float', value: formatShare(result.floatAccuracy, 2), title: 'Test accuracy of the float model' },
    { name: 'before', value: formatShare(result.accuracyBefore, 2), title: 'Quantized, before training' },
    { name: 'after', value: formatShare(result.accuracyAfter, 2), title: 'Quantized, after training' },
    { name: 'Δ', value: `${formatDelta(accuracyChange(run), 2)} pt`, title: 'After training minus float' },
  ];
  return (
    <dl className="figure flex gap-3" data-selectable>
      {figures.map(({ name, value, title }) => (
        <div key={name} className="flex gap-1.5 whitespace-nowrap" title={title}>
          <dt className="text-ink3">{name}</dt>
          <dd className="font-semibold">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function RunButtons({ run }: { run: RunSummary }) {
  const running = run.state === 'running';
  const resumable = run.state === 'paused' || run.state === 'interrupted';
  return (
    <div className="flex gap-1.5">
      {running ? (
        <Button
          size="sm"
          shortcut="F6"
          icon={<Pause aria-hidden className="size-3.5" />}
          onClick={() => pauseRun(run.id)}
        >
          Pause
        </Button>
      ) : null}
      {resumable ? (
        <Button size="sm" icon={<Play aria-hidden className="size-3.5" />} onClick={() => resumeRun(run.id)}>
          Resume
        </Button>
      ) : null}
      {running || run.state === 'paused' ? (
        <Button
          size="sm"
          variant="danger"
          shortcut="Shift+F5"
          icon={<Square aria-hidden className="size-3" />}
          onClick={() => cancelRun(run.id)}
        >
          Cancel
        </Button>
      ) : null}
    </div>
  );
}
