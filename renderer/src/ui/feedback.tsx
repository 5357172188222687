import { clsx } from 'clsx';
import { CircleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button } from './button.js';

export interface ProgressProps {
  label: string;
  /** 0–1, or null while it cannot be known. */
  value: number | null;
  className?: string;
  tone?: 'accent' | 'ok' | 'bad' | 'warn';
}

const barTones = { accent: 'bg-accent', ok: 'bg-ok', bad: 'bg-bad', warn: 'bg-warn' };

export function Progress({ label, value, className, tone = 'accent' }: ProgressProps) {
  const percent = value === null ? undefined : Math.round(Math.min(1, Math.max(0, value)) * 100);
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      className={clsx('h-1.5 overflow-hidden rounded-full bg-bg3', className)}
    >
      <div
        className={clsx(
          'h-full origin-left rounded-full',
          barTones[tone],
          value === null && 'w-2/5 animate-[indeterminate_1.3s_ease-in-out_infinite]',
        )}
        style={value === null ? undefined : { width: `${(value * 100).toFixed(2)}%` }}
      />
    </div>
  );
}

export interface EmptyStateProps {
  icon?: ReactNode;
  title: string;
  /** What this place is for and how to fill it. */
  children?: ReactNode;
  actions?: ReactNode;
  className?: string;
}

/** A place with nothing in it yet, saying how to fill it. */
export function EmptyState({ icon, title, children, actions, className }: EmptyStateProps) {
  return (
    <div className={clsx('m-auto flex max-w-md flex-col items-center gap-2 p-6 text-center', className)}>
      {icon ? <span className="mb-1 text-ink3 [&_svg]:size-7 [&_svg]:stroke-[1.4]">{icon}</span> : null}
      <h3 className="text-base font-semibold">{title}</h3>
      {children ? <div className="text-sm text-balance text-ink2">{children}</div> : null}
      {actions ? <div className="mt-2 flex flex-wrap justify-center gap-2">{actions}</div> : null}
    </div>
  );
}

export interface ErrorStateProps {
  /** A HostError or anything of its shape. */
  error: { code?: string; message: string; remedy?: string };
  onRetry?: () => void;
  className?: string;
}

/** A failure in the place where its result would be: what happened, its code, what to do. */
export function ErrorState({ error, onRetry, className }: ErrorStateProps) {
  return (
    <div role="alert" className={clsx('m-auto flex max-w-md flex-col gap-1.5 p-6', className)}>
      <p className="flex items-center gap-2 text-sm text-bad">
        <CircleAlert aria-hidden className="size-4" />
        <span className="figure">{error.code ?? 'E-INTERNAL'}</span>
      </p>
      <p data-selectable className="text-base font-medium break-words">
        {error.message}
      </p>
      {error.remedy ? <p className="text-sm text-ink2">{error.remedy}</p> : null}
      {onRetry ? (
        <div className="mt-1.5">
          <Button size="sm" onClick={onRetry}>
            Try again
          </Button>
        </div>
      ) : null}
    </div>
  );
}
