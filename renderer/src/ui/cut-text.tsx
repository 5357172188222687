import { clsx } from 'clsx';

/** As much of a name's end as is worth keeping. */
const mostKept = 16;

/** Where a name is cut: before its last parts that are short enough together, else before its last characters. */
export function cutIndex(text: string): number {
  if (text.length <= mostKept) return 0;
  const from = text.length - mostKept;
  const part = text.slice(from).search(/[./\\]/);
  return part < 0 ? from : from + part;
}

export interface CutTextProps {
  text: string;
  /** The end of the text from here stays in sight. */
  at?: number;
  /** For people whose pointer rests on it; null: something around it says it already. */
  title?: string | null;
  className?: string;
}

/** A name or a path on one line, cut in its middle where it does not fit: its start and its end tell it apart. */
export function CutText({ text, at = cutIndex(text), title = text, className }: CutTextProps) {
  return (
    <span className={clsx('inline-flex max-w-full min-w-0', className)} title={title ?? undefined}>
      {at > 0 ? <span className="min-w-0 truncate whitespace-pre">{text.slice(0, at)}</span> : null}
      <span className="max-w-full shrink-0 truncate">{text.slice(at)}</span>
    </span>
  );
}
