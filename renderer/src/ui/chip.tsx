import { clsx } from 'clsx';
import type { ReactNode } from 'react';

/** A small label in the colour of a bit-width (1–8, 32 = float). */
export function Chip({
  bits,
  children,
  className,
}: {
  bits: number;
  children: ReactNode;
  className?: string;
}) {
  return (
    <span
      data-bits={bits}
      className={clsx(
        'bits-chip inline-block shrink-0 rounded-sm px-1.5 text-center font-mono text-[11px] leading-[18px] font-semibold tabular-nums',
        className,
      )}
    >
      {children}
    </span>
  );
}

/** `W4`, or `float`. */
export function BitsChip({
  bits,
  prefix = 'W',
  className,
}: {
  bits: number;
  prefix?: string;
  className?: string;
}) {
  return (
    <Chip bits={bits} {...(className ? { className } : {})}>
      {bits === 32 ? 'float' : `${prefix}${bits}`}
    </Chip>
  );
}

export type Tone = 'ok' | 'warn' | 'bad' | 'accent' | 'idle';

const toneColors: Record<Tone, string> = {
  ok: 'bg-ok',
  warn: 'bg-warn',
  bad: 'bg-bad',
  accent: 'bg-accent',
  idle: 'bg-transparent border-[1.5px] border-ink3',
};

/** A state as a small dot; `label` says it in words. */
export function StateDot({ tone, label, className }: { tone: Tone; label: string; className?: string }) {
  return (
    <span
      role="img"
      aria-label={label}
      title={label}
      className={clsx('inline-block size-2 shrink-0 rounded-full', toneColors[tone], className)}
    />
  );
}
