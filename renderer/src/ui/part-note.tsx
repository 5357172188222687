import { Info } from 'lucide-react';
import { Popover } from 'radix-ui';

/** What something computes, where it is from, and when to take it. */
export interface Note {
  label: string;
  formula: string;
  source: string | null;
  goodFor: string;
  traps: string;
}

export interface PartNoteProps {
  /** The name of the choice, if it is one. */
  control?: string;
  /** Null: several differ. */
  part: Note | null;
  /** Where there is room for it. */
  side?: 'left' | 'right';
}

/** A button that opens the note of what is chosen. */
export function PartNote({ control, part, side = 'left' }: PartNoteProps) {
  if (!part) return <span>mixed</span>;
  const title = control === undefined ? part.label : `${control}: ${part.label}`;
  return (
    <Popover.Root>
      <Popover.Trigger asChild>
        <button
          type="button"
          aria-label={`About ${title}`}
          className="flex size-4 items-center justify-center rounded-sm text-ink3 hover:text-ink data-[state=open]:text-accent"
        >
          <Info aria-hidden className="size-3.5" />
        </button>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          side={side}
          align="start"
          sideOffset={6}
          collisionPadding={8}
          aria-label={title}
          className="pop-in z-50 w-[26rem] max-w-[calc(100vw-16px)] rounded-md border border-line bg-bg2 p-3 text-sm text-ink"
        >
          <h3 className="font-semibold">{title}</h3>
          <pre
            data-selectable
            className="figure my-2 overflow-x-auto rounded-md border border-line bg-bg3/50 px-2.5 py-1.5 whitespace-pre-wrap text-ink"
          >
            {part.formula}
          </pre>
          <dl className="grid grid-cols-[auto_1fr] gap-x-2.5 gap-y-1.5">
            <Fact name="Good for">{part.goodFor}</Fact>
            <Fact name="Traps">{part.traps}</Fact>
            {part.source === null ? null : <Fact name="Source">{part.source}</Fact>}
          </dl>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

function Fact({ name, children }: { name: string; children: string }) {
  return (
    <>
      <dt className="text-ink3">{name}</dt>
      <dd data-selectable className="text-ink2">
        {children.replaceAll('*', '')}
      </dd>
    </>
  );
}
