/** The card around a chart: title, tools, states, the table view and a summary in words. */
import { clsx } from 'clsx';
import { LoaderCircle, Table2, ZoomOut } from 'lucide-react';
import { type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { IconButton } from '../ui/button.js';
import { CutText } from '../ui/cut-text.js';
import { EmptyState, ErrorState } from '../ui/feedback.js';
import { ChartTableView } from './chart-table.js';
import type { ChartTable } from './export.js';
import { ExportMenu } from './export-menu.js';
import type { ScaleKind } from './ticks.js';

export interface ChartFrameProps {
  title: string;
  subtitle?: string | undefined;
  /** Quiet figures at the right of the title line. */
  note?: ReactNode;
  /** What the chart shows, in words and figures: read out instead of the picture. */
  summary: string;
  /** The numbers as drawn; without it there is no table view and no CSV. */
  table?: (() => ChartTable) | undefined;
  scale?: ScaleKind | undefined;
  onScaleChange?: ((scale: ScaleKind) => void) | undefined;
  onResetZoom?: (() => void) | undefined;
  zoomed?: boolean | undefined;
  /** Controls of this chart, left of the common ones. */
  tools?: ReactNode;
  /** The picture is of an older question; it stays until the new answer is there. */
  busy?: boolean | undefined;
  error?: { code?: string; message: string; remedy?: string } | null | undefined;
  onRetry?: (() => void) | undefined;
  empty?: { title: string; text?: ReactNode; icon?: ReactNode; actions?: ReactNode } | null | undefined;
  legend?: ReactNode;
  className?: string | undefined;
  children: ReactNode;
}

export function ChartFrame(props: ChartFrameProps) {
  const { title, subtitle, summary, table, error, empty } = props;
  const [asTable, setAsTable] = useState(false);
  const body = useRef<HTMLDivElement>(null);
  const titleId = useId();
  const summaryId = useId();
  const ready = !error && !empty;
  return (
    <section
      aria-labelledby={titleId}
      aria-describedby={summaryId}
      aria-busy={props.busy || undefined}
      className={clsx(
        '@container flex min-h-0 min-w-0 flex-col rounded-lg border border-line bg-bg1 px-2.5 pt-2 pb-2',
        props.className,
      )}
    >
      <header className="mb-1 flex min-h-6 flex-wrap items-center gap-x-1 gap-y-0.5">
        <div className="flex min-w-0 flex-1 flex-wrap items-baseline gap-x-2 @min-[16rem]:basis-40">
          <h3 id={titleId} className="flex max-w-full min-w-0 text-sm font-semibold">
            <CutText text={title} />
          </h3>
          {subtitle ? <span className="figure min-w-0 text-ink3">{subtitle}</span> : null}
        </div>
        {props.busy ? <Busy /> : null}
        <div className="ml-auto flex items-center gap-2">
          {props.note ? <span className="figure shrink-0 text-ink3">{props.note}</span> : null}
          {ready ? <Tools {...props} asTable={asTable} onTable={setAsTable} body={body} /> : null}
        </div>
      </header>
      <p id={summaryId} className="chart-hidden">
        {ready ? summary : ''}
      </p>
      {props.legend && ready && !asTable ? props.legend : null}
      <div ref={body} className="flex min-h-0 min-w-0 flex-1 flex-col">
        <Body {...props} asTable={asTable && table !== undefined} />
      </div>
    </section>
  );
}

function Body(props: ChartFrameProps & { asTable: boolean }) {
  const { error, empty, table, asTable } = props;
  if (error) return <ErrorState error={error} {...(props.onRetry ? { onRetry: props.onRetry } : {})} />;
  if (empty) {
    return (
      <EmptyState title={empty.title} icon={empty.icon} actions={empty.actions}>
        {empty.text}
      </EmptyState>
    );
  }
  if (asTable && table) return <TableOf table={table} label={`${props.title}, numbers`} />;
  return props.children;
}

function TableOf({ table, label }: { table: () => ChartTable; label: string }) {
  return <ChartTableView table={table()} label={label} />;
}

const busyAfterMs = 250;

/**
 * Appears only when an answer takes longer than a blink, so that quick ones do not flicker. Until then there is
 * nothing to animate: even an invisible spinner costs a frame of the whole window each time it turns.
 */
function Busy() {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), busyAfterMs);
    return () => clearTimeout(timer);
  }, []);
  if (!late) return null;
  return (
    <span role="status" className="inline-flex text-ink3">
      <span className="inline-flex animate-spin will-change-transform">
        <LoaderCircle aria-hidden className="size-3.5" />
      </span>
      <span className="chart-hidden">Updating</span>
    </span>
  );
}

interface ToolsProps extends ChartFrameProps {
  asTable: boolean;
  onTable(shown: boolean): void;
  body: React.RefObject<HTMLDivElement | null>;
}

function Tools(props: ToolsProps) {
  const { title, subtitle, table, scale, onScaleChange, asTable } = props;
  return (
    <div className="flex shrink-0 items-center gap-1">
      {props.zoomed && props.onResetZoom ? (
        <IconButton
          size="sm"
          label="Reset zoom"
          shortcut="0"
          icon={<ZoomOut aria-hidden className="size-3.5" />}
          onClick={props.onResetZoom}
        />
      ) : null}
      {props.tools}
      {scale && onScaleChange && !asTable ? <ScaleSwitch scale={scale} onChange={onScaleChange} /> : null}
      {table ? (
        <IconButton
          size="sm"
          label={asTable ? 'Show as chart' : 'Show as table'}
          aria-pressed={asTable}
          icon={<Table2 aria-hidden className="size-3.5" />}
          className={asTable ? 'bg-bg3 !text-accent' : ''}
          onClick={() => props.onTable(!asTable)}
        />
      ) : null}
      <ExportMenu title={title} subtitle={subtitle} body={props.body} table={table} />
    </div>
  );
}

function ScaleSwitch({ scale, onChange }: { scale: ScaleKind; onChange(scale: ScaleKind): void }) {
  return (
    <ToolToggle
      label="Log axis"
      shortcut="l"
      on={scale === 'log'}
      onChange={(on) => onChange(on ? 'log' : 'linear')}
    >
      log
    </ToolToggle>
  );
}

export interface ToolToggleProps {
  /** Spoken name and tooltip. */
  label: string;
  shortcut?: string;
  on: boolean;
  onChange(on: boolean): void;
  children: ReactNode;
}

/** A small switch among a chart's tools. */
export function ToolToggle({ label, shortcut, on, onChange, children }: ToolToggleProps) {
  return (
    <IconButton
      size="sm"
      label={label}
      {...(shortcut ? { shortcut } : {})}
      aria-pressed={on}
      icon={<span className="figure text-[11px]">{children}</span>}
      className={clsx('!w-auto !px-1.5', on && 'bg-bg3 !text-accent')}
      onClick={() => onChange(!on)}
    />
  );
}
