import { clsx } from 'clsx';
import { RadioGroup } from 'radix-ui';
import type { ReactNode } from 'react';
import { Tooltip } from './tooltip.js';

export interface Segment<T extends string | number> {
  value: T;
  label: ReactNode;
  /** Spoken name when the label alone says too little. */
  name?: string;
  /** Why it cannot be chosen now. */
  blocked?: string | null;
  /** Colours the chosen segment by its bit-width. */
  bits?: number;
}

export interface SegmentedControlProps<T extends string | number> {
  /** The group's name. */
  label: string;
  /** Null: nothing is chosen, or the values are mixed. */
  value: T | null;
  segments: readonly Segment<T>[];
  onChange(value: T): void;
  size?: 'md' | 'sm';
  className?: string;
}

/** One of a few, side by side; arrow keys move. */
export function SegmentedControl<T extends string | number>(props: SegmentedControlProps<T>) {
  const { label, value, segments, onChange, size = 'md', className } = props;
  const choose = (text: string) => {
    const segment = segments.find((candidate) => String(candidate.value) === text);
    if (segment && !segment.blocked) onChange(segment.value);
  };
  return (
    <RadioGroup.Root
      aria-label={label}
      value={value === null ? '' : String(value)}
      onValueChange={choose}
      orientation="horizontal"
      className={clsx('grid auto-cols-fr grid-flow-col rounded-md border border-line bg-bg2', className)}
    >
      {segments.map((segment) => (
        <SegmentButton key={segment.value} segment={segment} size={size} />
      ))}
    </RadioGroup.Root>
  );
}

function SegmentButton<T extends string | number>({
  segment,
  size,
}: {
  segment: Segment<T>;
  size: 'md' | 'sm';
}) {
  const item = (
    <RadioGroup.Item
      value={String(segment.value)}
      aria-label={segment.name}
      disabled={Boolean(segment.blocked)}
      data-bits={segment.bits}
      className={clsx(
        'figure relative -my-px border-y border-transparent px-1.5 text-center text-ink2',
        'first:-ml-px first:rounded-l-md last:-mr-px last:rounded-r-md focus-visible:z-10',
        'hover:text-ink data-[state=checked]:font-semibold disabled:text-ink3 disabled:opacity-50',
        segment.bits === undefined
          ? 'data-[state=checked]:bg-accent data-[state=checked]:text-on-accent'
          : 'data-[state=checked]:bg-[var(--bits)] data-[state=checked]:text-on-bits',
        size === 'md' ? 'h-7' : 'h-6',
      )}
    >
      {segment.label}
    </RadioGroup.Item>
  );
  if (!segment.blocked) return item;
  return (
    <Tooltip content={segment.blocked}>
      <span className="contents">{item}</span>
    </Tooltip>
  );
}
