import { ChevronRight } from 'lucide-react';
import { Collapsible } from 'radix-ui';
import { type ReactNode, useState } from 'react';

export interface SectionProps {
  title: string;
  /** What the closed section holds, in a few words. */
  summary?: ReactNode;
  defaultOpen?: boolean;
  children: ReactNode;
}

/** A part of the panel that opens and closes. */
export function Section({ title, summary, defaultOpen = false, children }: SectionProps) {
  const [open, setOpen] = useState(defaultOpen);
  return (
    <Collapsible.Root open={open} onOpenChange={setOpen}>
      <Collapsible.Trigger className="group flex w-full items-center gap-1.5 rounded-sm py-0.5 text-left text-sm text-ink2 hover:text-ink">
        <ChevronRight
          aria-hidden
          className="size-3.5 text-ink3 transition-transform group-data-[state=open]:rotate-90"
        />
        <span className="shrink-0">{title}</span>
        <span className="flex-1" />
        {open ? null : <span className="figure truncate text-ink3">{summary}</span>}
      </Collapsible.Trigger>
      <Collapsible.Content className="flex flex-col gap-2.5 pt-2">{children}</Collapsible.Content>
    </Collapsible.Root>
  );
}
