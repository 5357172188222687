import { clsx } from 'clsx';
import { ChevronRight } from 'lucide-react';
import { ContextMenu as ContextPrimitive, DropdownMenu } from 'radix-ui';
import type { ReactNode } from 'react';
import { Kbd } from './kbd.js';

export interface MenuEntry {
  id: string;
  label: ReactNode;
  shortcut?: string | undefined;
  icon?: ReactNode;
  /** Why it does nothing now; shown after the label. */
  blocked?: string | null | undefined;
  danger?: boolean;
  onSelect?: () => void;
  /** A submenu instead of an action. */
  entries?: readonly MenuEntries[];
}
/** An entry, or a line between groups. */
export type MenuEntries = MenuEntry | 'separator';

type Parts = Pick<typeof DropdownMenu, 'Item' | 'Separator' | 'Sub' | 'SubTrigger' | 'SubContent' | 'Portal'>;

const panel =
  'pop-in z-50 min-w-44 max-h-[var(--radix-popper-available-height)] overflow-y-auto rounded-md border border-line bg-bg2 p-1';
const row =
  'flex h-7 items-center gap-2 rounded-sm px-2 text-base outline-none data-[highlighted]:bg-bg3 data-[disabled]:text-ink3';

function Entries({ parts, entries }: { parts: Parts; entries: readonly MenuEntries[] }) {
  return entries.map((entry, index) => {
    if (entry === 'separator') {
      // biome-ignore lint/suspicious/noArrayIndexKey: separators have no identity and never move
      return <parts.Separator key={`line-${index}`} className="mx-1 my-1 h-px bg-line" />;
    }
    if (entry.entries) {
      return (
        <parts.Sub key={entry.id}>
          <parts.SubTrigger className={clsx(row, 'data-[state=open]:bg-bg3')}>
            <EntryFace entry={entry} />
            <ChevronRight aria-hidden className="size-3.5 text-ink3" />
          </parts.SubTrigger>
          <parts.Portal>
            <parts.SubContent sideOffset={2} className={panel}>
              <Entries parts={parts} entries={entry.entries} />
            </parts.SubContent>
          </parts.Portal>
        </parts.Sub>
      );
    }
    return (
      <parts.Item
        key={entry.id}
        disabled={Boolean(entry.blocked)}
        onSelect={() => entry.onSelect?.()}
        className={clsx(row, entry.danger && 'text-bad')}
      >
        <EntryFace entry={entry} />
      </parts.Item>
    );
  });
}

function EntryFace({ entry }: { entry: MenuEntry }) {
  return (
    <>
      {entry.icon ? <span className="text-ink3 [&_svg]:size-3.5">{entry.icon}</span> : null}
      <span className="flex-1 whitespace-nowrap">{entry.label}</span>
      {entry.blocked ? <span className="pl-3 text-xs text-ink3">{entry.blocked}</span> : null}
      {entry.shortcut ? <Kbd binding={entry.shortcut} className="ml-4" /> : null}
    </>
  );
}

export interface MenuProps {
  /** One button. */
  trigger: ReactNode;
  entries: readonly MenuEntries[];
  align?: 'start' | 'end';
}

/** A button that opens a menu. Not modal: Radix's scroll lock writes a `<style>`, which CSP forbids. */
export function Menu({ trigger, entries, align = 'start' }: MenuProps) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content align={align} sideOffset={4} collisionPadding={8} className={panel}>
          <Entries parts={DropdownMenu} entries={entries} />
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

export interface ContextMenuProps {
  /** One element, the place that is right-clicked. */
  children: ReactNode;
  entries: readonly MenuEntries[];
  onOpenChange?: (open: boolean) => void;
}

export function ContextMenu({ children, entries, onOpenChange }: ContextMenuProps) {
  return (
    <ContextPrimitive.Root modal={false} onOpenChange={(open) => onOpenChange?.(open)}>
      <ContextPrimitive.Trigger asChild>{children}</ContextPrimitive.Trigger>
      <ContextPrimitive.Portal>
        <ContextPrimitive.Content collisionPadding={8} className={panel}>
          <Entries parts={ContextPrimitive} entries={entries} />
        </ContextPrimitive.Content>
      </ContextPrimitive.Portal>
    </ContextPrimitive.Root>
  );
}
