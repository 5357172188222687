/** One layer at 2–6 bit-widths side by side, on the same axes, measured against a pinned one. */
import { clsx } from 'clsx';
import { Layers, Pin } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import {
  CopyTable,
  commonLimit,
  formatDelta,
  occupied,
  type Range,
  type ScaleKind,
  SmallMultiple,
  ToolToggle,
} from '../../charts/index.js';
import type { Analysis, Bits, QuantizationError, WhatIf } from '../../host/contract.js';
import {
  legalWeight,
  type OwnBits,
  setLayerConfigs,
  useAnalysis,
  useLayerLens,
  useOwnBits,
  useWhatIf,
  valueRange,
} from '../../host/index.js';
import {
  BitsChip,
  Button,
  bitsColor,
  CutText,
  EmptyState,
  ErrorState,
  formatShape,
  IconButton,
  plural,
} from '../../ui/index.js';
import { type BitsMeasure, bitsMeasures, bitsTable } from './bits-figures.js';
import { fewestColumns, mostColumns, pinBits, shownBits, toggleBits, useCompare } from './compare-store.js';

const allBits: readonly Bits[] = [8, 7, 6, 5, 4, 3, 2, 1];

export function BitsCompare({ bar }: { bar: ReactNode }) {
  const { layer, quantizer, row, run } = useLayerLens();
  const { bits: chosen, baselineBits } = useCompare();
  const own = useOwnBits(quantizer);
  const bits = shownBits(chosen, own.bits);
  const [scale, setScale] = useState<ScaleKind>('linear');
  const name = layer?.name ?? null;
  const analysis = useAnalysis(name, quantizer, { row, runId: run?.id ?? null });
  const answers = useColumns(bits);
  if (!layer) {
    return (
      <EmptyState icon={<Layers />} title="No layer selected">
        Pick a layer in the list on the left to lay its bit-widths side by side.
      </EmptyState>
    );
  }
  const { data } = analysis;
  const columns = bits.flatMap((one, index) => {
    const whatIf = answers[index];
    return whatIf ? [{ bits: one, whatIf }] : [];
  });
  const errors = columns.map((column) => column.whatIf.error);
  return (
    <>
      <div className="flex shrink-0 flex-wrap items-center gap-2">
        {bar}
        <span className="flex min-w-0 flex-wrap items-baseline gap-x-2 text-sm">
          <b className="flex max-w-full min-w-0 font-semibold">
            <CutText text={layer.name} />
          </b>
          <span className="figure text-ink3">
            {formatShape(layer.shape)}
            {run ? ` · weights of ${run.name}` : ''}
            {row === null ? '' : ` · channel ${row}`}
          </span>
        </span>
        <span className="flex-1" />
        <BitsPicker bits={bits} own={own} />
        <ToolToggle label="Log axis" on={scale === 'log'} onChange={(on) => setScale(on ? 'log' : 'linear')}>
          log
        </ToolToggle>
        <CopyTable title={`${layer.name} by bits`} table={() => bitsTable(errors)} />
      </div>
      {analysis.error ? <ErrorState error={analysis.error} /> : null}
      {data ? <Columns analysis={data} columns={columns} baseline={baselineBits} scale={scale} /> : null}
    </>
  );
}

/** What-ifs of up to six bit-widths; a fixed number of hooks, whatever is chosen. */
function useColumns(bits: readonly Bits[]): (WhatIf | null)[] {
  return [
    useColumn(bits[0]),
    useColumn(bits[1]),
    useColumn(bits[2]),
    useColumn(bits[3]),
    useColumn(bits[4]),
    useColumn(bits[5]),
  ];
}

function useColumn(bits: Bits | undefined): WhatIf | null {
  const { layer, quantizer, row, run } = useLayerLens();
  const at = quantizer && bits !== undefined ? legalWeight(quantizer, { bits }) : null;
  return useWhatIf(layer?.name ?? null, at, { row, runId: run?.id ?? null }).data;
}

function BitsPicker({ bits, own }: { bits: readonly Bits[]; own: OwnBits }) {
  return (
    <fieldset className="flex items-center gap-1" aria-label="Bit-widths shown">
      {allBits.map((one) => {
        const on = bits.includes(one);
        const missing = own.bits.includes(one) ? undefined : (own.note ?? undefined);
        const full = !on && bits.length >= mostColumns ? `At most ${mostColumns} columns` : undefined;
        const few = on && bits.length <= fewestColumns ? `At least ${fewestColumns} columns` : undefined;
        const blocked = missing ?? full ?? few;
        return (
          <button
            key={one}
            type="button"
            aria-pressed={on}
            aria-disabled={blocked !== undefined || undefined}
            title={blocked}
            onClick={() => (missing === undefined ? toggleBits(one) : undefined)}
            className="rounded-sm aria-disabled:opacity-60"
          >
            <BitsChip
              bits={one}
              className={clsx('border', on ? 'border-transparent' : '!bg-transparent border-line !text-ink2')}
            />
          </button>
        );
      })}
    </fieldset>
  );
}

interface Column {
  bits: Bits;
  whatIf: WhatIf;
}

interface ColumnsProps {
  analysis: Analysis;
  columns: readonly Column[];
  baseline: Bits | null;
  scale: ScaleKind;
}

function Columns({ analysis, columns, baseline, scale }: ColumnsProps) {
  const { counts } = analysis.histogram;
  const strips = columns.map((column) => occupied(counts, column.whatIf.meanErrorByBin));
  const limit = commonLimit(counts, strips);
  const levels = columns.map((column) => column.whatIf.levels.values);
  const range = valueRange(analysis.statistics, levels);
  const base = columns.find((column) => column.bits === baseline)?.whatIf.error ?? null;
  return (
    <div
      className="grid min-h-96 flex-1 gap-2.5"
      style={{ gridTemplateColumns: `repeat(${columns.length}, minmax(9rem, 1fr))` }}
    >
      {columns.map((column, index) => (
        <BitsColumn
          key={column.bits}
          column={column}
          analysis={analysis}
          strip={strips[index] ?? []}
          limit={limit}
          range={range}
          base={base}
          scale={scale}
        />
      ))}
    </div>
  );
}

interface BitsColumnProps {
  column: Column;
  analysis: Analysis;
  strip: readonly number[];
  limit: number;
  range: Range;
  base: QuantizationError | null;
  scale: ScaleKind;
}

function BitsColumn({ column, analysis, strip, limit, range, base, scale }: BitsColumnProps) {
  const { bits, whatIf } = column;
  const { histogram, statistics, layer } = analysis;
  const pinned = base?.bits === bits;
  const use = () => setLayerConfigs([layer], { weight: { bits } }, `Set ${layer} to ${plural(bits, 'bit')}`);
  return (
    <section
      aria-label={`${layer} at ${plural(bits, 'bit')}`}
      className={clsx(
        'flex min-h-0 min-w-0 flex-col rounded-lg border bg-bg1 px-2.5 py-2',
        pinned ? 'border-accent' : 'border-line',
      )}
    >
      <header className="mb-1 flex items-center gap-1.5">
        <BitsChip bits={bits} />
        <span className="flex-1" />
        <Button size="sm" variant="ghost" onClick={use} tip={`Set ${layer} to ${plural(bits, 'bit')}`}>
          Use
        </Button>
        <IconButton
          size="sm"
          label={pinned ? 'Unpin' : `Measure the others against ${plural(bits, 'bit')}`}
          aria-pressed={pinned}
          icon={<Pin aria-hidden className={clsx('size-3.5', pinned && 'fill-current')} />}
          className={pinned ? '!text-accent' : ''}
          onClick={() => pinBits(bits)}
        />
      </header>
      <SmallMultiple
        label={`${layer} at ${plural(bits, 'bit')}`}
        bins={histogram}
        over={whatIf.quantizedCounts}
        overLabel="quantized"
        strip={strip}
        stripLabel="mean error"
        stripLimit={limit}
        color={bitsColor(bits)}
        scale={scale}
        range={range}
        total={statistics.count}
        levels={whatIf.levels.values}
        group="compare bit-widths"
      />
      <Measures error={whatIf.error} base={base} />
    </section>
  );
}

/** Null where a difference says nothing; the pinned column keeps the line free, so that all stay level. */
function differenceText(measure: BitsMeasure, value: number, base: number, pinned: boolean): string | null {
  if (measure.deltaDecimals === undefined) return null;
  if (pinned || !Number.isFinite(value - base)) return '';
  return formatDelta(value - base, measure.deltaDecimals);
}

function Measures({ error, base }: { error: QuantizationError; base: QuantizationError | null }) {
  return (
    <dl data-selectable className="figure mt-2 grid grid-cols-[auto_1fr] gap-x-2 gap-y-0.5">
      {bitsMeasures.map((measure) => {
        const value = measure.value(error);
        const delta = base
          ? differenceText(measure, value, measure.value(base), base.bits === error.bits)
          : null;
        return (
          <div key={measure.name} className="contents" title={measure.title}>
            <dt className="truncate text-ink3">{measure.name}</dt>
            <dd className="text-right">
              {measure.format(error)}
              {delta === null ? null : (
                <span className="block min-h-3 text-[11px] leading-3 text-ink3">{delta}</span>
              )}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}
