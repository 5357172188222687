/** The same weights at 8, 4, 2 and 1 bit on the same axes; choosing one sets the layer's bits. */
import { clsx } from 'clsx';
import { useRef } from 'react';
import { commonLimit, occupied, type Range, type ScaleKind, SmallMultiple } from '../../charts/index.js';
import type { Analysis, Bits, WhatIf } from '../../host/contract.js';
import {
  type FigurePair,
  type Latest,
  type LayerFigures,
  legalWeight,
  type OwnBits,
  setLayerConfigs,
  useOwnBits,
  useWhatIf,
  valueRange,
} from '../../host/index.js';
import { BitsChip, bitsColor, formatDb, formatShare, plural } from '../../ui/index.js';

export interface BitsRowProps {
  figures: LayerFigures;
  range: Range | null;
  scale: ScaleKind;
}

/** The layer's own chart is painted before the processor is busy with these. */
const afterMainChartMs = 60;

/** Not asked at bits that the quantizer does not have. */
function useAt(pair: FigurePair | null, own: OwnBits, bits: Bits): Latest<WhatIf> {
  const at = pair && own.bits.includes(bits) ? legalWeight(pair.quantizer, { bits }) : null;
  return useWhatIf(pair?.layer ?? null, at, {
    row: pair?.row ?? null,
    range: pair?.range ?? null,
    runId: pair?.runId ?? null,
    revision: pair?.revision ?? 0,
    delayMs: afterMainChartMs,
  });
}

const widths: readonly Bits[] = [8, 4, 2, 1];
const noStrip: readonly number[] = [];

interface BitsSet {
  analysis: Analysis;
  own: OwnBits;
  answers: readonly (WhatIf | null)[];
}

/**
 * The last set whose four answers belong to the same histogram; while a new one is awaited, the old stays.
 * The layer's own figures come first: while those are awaited (`busy`) nothing is asked, and what was
 * being asked about the layer before is cancelled.
 */
function useBitsSet(pair: FigurePair | null, busy: boolean): BitsSet | null {
  const about = busy ? null : pair;
  const own = useOwnBits(about?.quantizer ?? null);
  const asked = [useAt(about, own, 8), useAt(about, own, 4), useAt(about, own, 2), useAt(about, own, 1)];
  const last = useRef<BitsSet | null>(null);
  if (busy) return last.current;
  const complete = asked.every((answer) => !answer.loading);
  if (pair && (complete || last.current === null)) {
    const { analysis } = pair;
    const answers = asked.map((answer) => (answer.loading ? null : answer.data));
    const known = last.current;
    const same =
      known?.analysis === analysis && known.answers.every((answer, index) => answer === answers[index]);
    if (complete && !same) last.current = { analysis, own, answers };
    else if (!complete) return { analysis, own, answers };
  }
  return last.current;
}

export function BitsRow({ figures, range, scale }: BitsRowProps) {
  const set = useBitsSet(figures.pair, figures.busy);
  if (!set || figures.error) return null;
  const { counts } = set.analysis.histogram;
  const strips = set.answers.map((answer) => occupied(counts, answer?.meanErrorByBin ?? []));
  const limit = commonLimit(counts, strips);
  const levels = set.answers.map((answer) => answer?.levels.values ?? []);
  const full = valueRange(set.analysis.statistics, levels);
  const current = figures.lens.quantizer?.bits;
  return (
    <section
      aria-label="The same weights at other bit-widths"
      className="grid shrink-0 auto-rows-[14rem] grid-cols-4 gap-2.5 @max-[36rem]:grid-cols-2"
    >
      {widths.map((bits, index) => (
        <BitsCard
          key={bits}
          bits={bits}
          current={bits === current}
          analysis={set.analysis}
          whatIf={set.answers[index] ?? null}
          note={set.own.bits.includes(bits) ? null : set.own.note}
          strip={strips[index] ?? noStrip}
          limit={limit}
          range={range ?? full}
          scale={scale}
        />
      ))}
    </section>
  );
}

interface BitsCardProps {
  bits: Bits;
  current: boolean;
  analysis: Analysis;
  whatIf: WhatIf | null;
  /** Why there is nothing to show at these bits. */
  note: string | null;
  strip: readonly number[];
  limit: number;
  range: Range;
  scale: ScaleKind;
}

function choose(layer: string, bits: Bits): void {
  setLayerConfigs([layer], { weight: { bits } }, `Set ${layer} to ${plural(bits, 'bit')}`);
}

function BitsCard(props: BitsCardProps) {
  const { bits, current, analysis, whatIf, note, strip, limit, range, scale } = props;
  const error = whatIf?.error;
  const pick = () => choose(analysis.layer, bits);
  return (
    <div
      className={clsx(
        'relative flex min-h-0 min-w-0 flex-col rounded-lg border bg-bg1 px-2.5 pt-1.5 pb-2',
        current ? 'border-accent' : 'border-line hover:border-edge',
      )}
    >
      <button
        type="button"
        aria-pressed={current}
        onClick={pick}
        title={
          current
            ? `${analysis.layer} is at ${plural(bits, 'bit')}`
            : `Set ${analysis.layer} to ${plural(bits, 'bit')}`
        }
        className="mb-0.5 flex h-6 items-center gap-2 rounded-sm text-left"
      >
        <BitsChip bits={bits} />
        <span className="flex-1 text-xs text-ink3">{current ? 'chosen' : ''}</span>
        <span className="figure whitespace-nowrap">{error ? formatDb(error.sqnrDb, 1) : '–'}</span>
      </button>
      {whatIf ? (
        <SmallMultiple
          label={`${analysis.layer} at ${plural(bits, 'bit')}: SQNR ${formatDb(whatIf.error.sqnrDb)}`}
          bins={analysis.histogram}
          over={whatIf.quantizedCounts}
          overLabel="quantized"
          strip={strip}
          stripLabel="mean error"
          stripLimit={limit}
          color={bitsColor(bits)}
          scale={scale}
          range={range}
          total={analysis.statistics.count}
          levels={whatIf.levels.values}
          onPick={pick}
          group="bit-widths"
        />
      ) : (
        <p className="flex flex-1 items-center justify-center text-center text-xs text-balance text-ink3">
          {note}
        </p>
      )}
      <dl data-selectable className="figure mt-1 grid grid-cols-[1fr_auto] gap-x-2">
        <dt className="truncate text-ink3">clipped</dt>
        <dd className="text-right">{error && bits > 1 ? formatShare(error.clippedShare, 2) : '–'}</dd>
        <dt className="truncate text-ink3">bits/weight</dt>
        <dd className="text-right">{error ? error.effectiveBits.toFixed(2) : '–'}</dd>
      </dl>
    </div>
  );
}
