/** Names of the series with a piece of their line, so that colour is not needed to tell them apart. */
import { clsx } from 'clsx';
import { Popover } from 'radix-ui';
import { useCallback, useLayoutEffect, useRef, useState } from 'react';
import { CutText } from '../ui/cut-text.js';
import { Swatch } from './plot-surface.js';
import type { MarkerShape } from './theme.js';
import { useSize } from './use-size.js';

export interface LegendItem {
  id: string;
  label: string;
  color: string;
  dash?: string | undefined;
  marker?: MarkerShape | undefined;
}

/** One line, whatever the number of series: those that do not fit are behind `+3 more`. */
export function Legend({ items, className }: { items: readonly LegendItem[]; className?: string }) {
  const [sizeRef, size] = useSize();
  const list = useRef<HTMLUListElement | null>(null);
  const [hidden, setHidden] = useState(0);
  const width = size?.width ?? 0;
  // By hand: React detaches and attaches again a ref that changes.
  const listRef = useCallback(
    (element: HTMLUListElement | null) => {
      list.current = element;
      sizeRef(element);
    },
    [sizeRef],
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: what fits depends on the items and the width
  useLayoutEffect(() => {
    const rows = [...(list.current?.children ?? [])] as HTMLElement[];
    const top = rows[0]?.offsetTop ?? 0;
    setHidden(rows.filter((row) => row.offsetTop > top).length);
  }, [items, width]);
  return (
    <div className={clsx('mb-1 flex min-w-0 shrink-0 items-center gap-2 text-xs text-ink2', className)}>
      <ul
        ref={listRef}
        className="flex h-4 min-w-0 flex-1 flex-wrap gap-x-4 gap-y-2 overflow-hidden"
        aria-label="Legend"
      >
        {items.map((item) => (
          <LegendEntry key={item.id} item={item} />
        ))}
      </ul>
      {hidden > 0 ? <Others items={items} hidden={hidden} /> : null}
    </div>
  );
}

function LegendEntry({ item }: { item: LegendItem }) {
  return (
    <li className="flex h-4 max-w-full min-w-0 items-center gap-1.5">
      <Swatch color={item.color} dash={item.dash} marker={item.marker} />
      <CutText text={item.label} />
    </li>
  );
}

/** All names in a list of their own. */
function Others({ items, hidden }: { items: readonly LegendItem[]; hidden: number }) {
  return (
    <Popover.Root>
      <Popover.Trigger className="h-4 shrink-0 rounded-sm px-1 whitespace-nowrap text-accent hover:underline">
        +{hidden} more
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          side="bottom"
          align="end"
          sideOffset={4}
          collisionPadding={8}
          aria-label="All series"
          className="pop-in z-50 max-h-[var(--radix-popper-available-height)] overflow-y-auto rounded-md border border-line bg-bg2 px-3 py-2 text-xs text-ink2"
        >
          <ul className="flex flex-col gap-1">
            {items.map((item) => (
              <LegendEntry key={item.id} item={item} />
            ))}
          </ul>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
