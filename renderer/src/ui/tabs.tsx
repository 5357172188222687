import { clsx } from 'clsx';
import { Tabs as Primitive } from 'radix-ui';
import type { ReactNode } from 'react';

export interface TabItem<T extends string> {
  value: T;
  label: ReactNode;
  content: ReactNode;
}

export interface TabsProps<T extends string> {
  label: string;
  value: T;
  items: readonly TabItem<T>[];
  onChange(value: T): void;
  /** At the right end of the tab line. */
  end?: ReactNode;
  className?: string;
}

/** Only the chosen tab's content is mounted. */
export function Tabs<T extends string>({ label, value, items, onChange, end, className }: TabsProps<T>) {
  return (
    <Primitive.Root
      value={value}
      onValueChange={(next) => onChange(next as T)}
      className={clsx('flex min-h-0 min-w-0 flex-1 flex-col', className)}
    >
      <div className="flex h-10 shrink-0 items-stretch border-b border-line px-3.5">
        <Primitive.List aria-label={label} className="flex gap-0.5">
          {items.map((item) => (
            <Primitive.Trigger
              key={item.value}
              value={item.value}
              className="px-3 text-ink2 hover:text-ink focus-visible:-outline-offset-3 data-[state=active]:text-ink data-[state=active]:shadow-[inset_0_-2px_var(--accent)]"
            >
              {item.label}
            </Primitive.Trigger>
          ))}
        </Primitive.List>
        <span className="flex-1" />
        {end}
      </div>
      {items.map((item) => (
        <Primitive.Content
          key={item.value}
          value={item.value}
          tabIndex={-1}
          className="flex min-h-0 min-w-0 flex-1 flex-col data-[state=inactive]:hidden"
        >
          {item.content}
        </Primitive.Content>
      ))}
    </Primitive.Root>
  );
}
