import { ChevronRight } from 'lucide-react';
import { Collapsible } from 'radix-ui';
import {
  type Granularity,
  type Grid,
  granularityTable,
  gridTable,
  type Method,
  methodTable,
  type Part,
  type RangeEstimator,
  rangeTable,
} from '../../host/contract.js';

export interface PartNotesProps {
  title: string;
  /** Null or absent: not shown. */
  grid?: Grid | null;
  range?: RangeEstimator | null;
  granularity?: Granularity | null;
  method?: Method | null;
}

function Note({ kind, part }: { kind: string; part: Part }) {
  return (
    <section className="flex flex-col gap-1">
      <h4 className="text-xs text-ink3">
        {kind} · <span className="text-ink2">{part.label}</span>
      </h4>
      <pre className="figure overflow-x-auto rounded-md bg-bg2 px-2 py-1 text-xs whitespace-pre-wrap text-ink">
        {part.formula}
      </pre>
      <p className="text-xs text-ink2">{part.goodFor}</p>
      <p className="text-xs text-ink3">{part.traps}</p>
      {part.source === null ? null : <p className="text-xs text-ink3">{part.source}</p>}
    </section>
  );
}

/** Formula, use, traps and source of the chosen parts, for those who open it. */
export function PartNotes({ title, grid, range, granularity, method }: PartNotesProps) {
  const notes: [string, Part][] = [];
  if (method) notes.push(['Method', methodTable[method]]);
  if (range) notes.push(['Start range', rangeTable[range]]);
  if (granularity) notes.push(['Granularity', granularityTable[granularity]]);
  if (grid) notes.push(['Grid', gridTable[grid]]);
  return (
    <Collapsible.Root>
      <Collapsible.Trigger className="group flex items-center gap-1 rounded-sm text-xs text-ink3 hover:text-ink">
        <ChevronRight aria-hidden className="size-3 group-data-[state=open]:rotate-90" />
        {title}
      </Collapsible.Trigger>
      <Collapsible.Content data-selectable className="flex flex-col gap-2.5 pt-2">
        {notes.map(([kind, part]) => (
          <Note key={kind} kind={kind} part={part} />
        ))}
      </Collapsible.Content>
    </Collapsible.Root>
  );
}
