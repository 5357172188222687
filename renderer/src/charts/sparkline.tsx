/** A histogram the size of a word: plain SVG, because lists draw hundreds of them. */
import { memo } from 'react';
import { chartColors } from './theme.js';

export interface SparklineProps {
  counts: readonly number[];
  /** What it shows, in words; without it the picture is decoration. */
  label?: string | undefined;
  width?: number;
  height?: number;
  color?: string;
  className?: string;
}

export const Sparkline = memo(function Sparkline(props: SparklineProps) {
  const { counts, label, width = 60, height = 22, color = chartColors.neutral, className } = props;
  const peak = counts.reduce((largest, count) => Math.max(largest, count), 0);
  return (
    <svg
      width={width}
      height={height}
      viewBox={`0 0 ${Math.max(1, counts.length)} 1`}
      preserveAspectRatio="none"
      className={className}
      role="img"
      aria-label={label ?? ''}
      aria-hidden={label ? undefined : true}
    >
      <path d={stepPath(counts, peak)} fill={color} fillOpacity={0.55} />
    </svg>
  );
});

/** A closed step area over unit-wide bins, 1 high at the peak. */
export function stepPath(counts: readonly number[], peak: number): string {
  if (counts.length === 0 || !(peak > 0)) return '';
  const steps = counts.map((count, index) => `V${Number((1 - count / peak).toFixed(3))}H${index + 1}`);
  return `M0 1${steps.join('')}V1Z`;
}
