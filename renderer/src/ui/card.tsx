import { clsx } from 'clsx';
import type { ReactNode } from 'react';
import { CutText } from './cut-text.js';

export interface CardProps {
  title?: ReactNode;
  /** Quiet text after the title. */
  subtitle?: ReactNode;
  /** At the right end of the title line. */
  actions?: ReactNode;
  children: ReactNode;
  className?: string;
  /** On a panel rather than on the page's ground. */
  inset?: boolean;
}

/** A framed part of a view with its heading; a subtitle without room goes below the title. */
export function Card({ title, subtitle, actions, children, className, inset }: CardProps) {
  return (
    <section
      className={clsx(
        'flex min-h-0 min-w-0 flex-col rounded-lg border border-line px-3 py-2.5',
        inset ? 'bg-bg2' : 'bg-bg1',
        className,
      )}
    >
      {title || actions ? (
        <header className="mb-1.5 flex min-h-6 flex-wrap items-center gap-x-2.5 gap-y-1">
          <div className="flex min-w-0 flex-1 basis-24 flex-wrap items-center gap-x-2.5">
            <h3 className="flex max-w-full min-w-0 text-sm font-semibold">
              {typeof title === 'string' ? <CutText text={title} /> : title}
            </h3>
            {subtitle ? <span className="figure min-w-0 text-ink3">{subtitle}</span> : null}
          </div>
          {actions ? <div className="ml-auto flex min-w-0 items-center gap-2.5">{actions}</div> : null}
        </header>
      ) : null}
      {children}
    </section>
  );
}

export interface KeyValueItem {
  key: string;
  value: ReactNode;
  /** What the figure means. */
  title?: string;
}

/** Names on the left, figures on the right. */
export function KeyValue({ items, className }: { items: readonly KeyValueItem[]; className?: string }) {
  return (
    <dl
      data-selectable
      className={clsx('figure grid grid-cols-[1fr_auto] gap-x-3 gap-y-0.5 leading-[17px]', className)}
    >
      {items.map((item) => (
        <div key={item.key} className="contents">
          <dt className="truncate text-ink2" title={item.title}>
            {item.key}
          </dt>
          <dd className="text-right font-semibold whitespace-nowrap">{item.value}</dd>
        </div>
      ))}
    </dl>
  );
}
