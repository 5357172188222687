/** The same weights at 8, 4, 2 and 1 bit on the same axes; choosing one sets the layer's bits. */
import { clsx } from 'clsx';
import { useMemo } from 'react';
import { commonLimit, occupied, type Range, type ScaleKind, SmallMultiple } from '../../charts/index.js';
import type { Bits, WhatIf } from '../../host/contract.js';
import {
  type FigurePair,
  type Latest,
  type LayerFigures,
  legalWeight,
  setLayerConfigs,
  useWhatIf,
} from '../../host/index.js';
import { BitsChip, bitsColor, formatDb, formatShare } from '../../ui/index.js';
import { fullRange } from './weight-figures.js';

export interface BitsRowProps {
  figures: LayerFigures;
  range: Range | null;
  scale: ScaleKind;
}

function useAt(figures: LayerFigures, bits: Bits, range: Range | null): Latest<WhatIf> {
  const { lens, revision } = figures;
  const { quantizer } = lens;
  const at = useMemo(() => (quantizer ? legalWeight(quantizer, { bits }) : null), [quantizer, bits]);
  return useWhatIf(lens.layer?.name ?? null, at, {
    row: lens.row,
    range,
    runId: lens.run?.id ?? null,
    revision,
  });
}

export function BitsRow({ figures, range, scale }: BitsRowProps) {
  const answers = [
    useAt(figures, 8, range),
    useAt(figures, 4, range),
    useAt(figures, 2, range),
    useAt(figures, 1, range),
  ];
  const widths: readonly Bits[] = [8, 4, 2, 1];
  const { pair, lens } = figures;
  if (!pair || figures.error) return null;
  const { counts } = pair.analysis.histogram;
  const strips = answers.map(({ data }) => occupied(counts, data?.meanErrorByBin ?? []));
  const limit = commonLimit(counts, strips);
  const current = lens.quantizer?.bits;
  return (
    <section
      aria-label="The same weights at other bit-widths"
      className="grid h-56 shrink-0 grid-cols-4 gap-2.5"
    >
      {widths.map((bits, index) => {
        const whatIf = answers[index]?.data;
        return (
          <BitsCard
            key={bits}
            bits={bits}
            current={bits === current}
            pair={pair}
            whatIf={whatIf ?? null}
            strip={strips[index] ?? []}
            limit={limit}
            range={range}
            scale={scale}
          />
        );
      })}
    </section>
  );
}

interface BitsCardProps {
  bits: Bits;
  current: boolean;
  pair: FigurePair;
  whatIf: WhatIf | null;
  strip: readonly number[];
  limit: number;
  range: Range | null;
  scale: ScaleKind;
}

function choose(layer: string, bits: Bits): void {
  setLayerConfigs([layer], { weight: { bits } }, `Set ${layer} to ${bits} ${bits === 1 ? 'bit' : 'bits'}`);
}

function BitsCard({ bits, current, pair, whatIf, strip, limit, range, scale }: BitsCardProps) {
  const { analysis } = pair;
  const full = useMemo(() => fullRange(analysis.statistics), [analysis.statistics]);
  const error = whatIf?.error;
  return (
    <div
      className={clsx(
        'relative flex min-h-0 min-w-0 flex-col rounded-lg border bg-bg1 px-2.5 pt-1.5 pb-2 transition-colors',
        current ? 'border-accent' : 'border-line hover:border-edge',
      )}
    >
      <button
        type="button"
        aria-pressed={current}
        onClick={() => choose(analysis.layer, bits)}
        title={current ? `${analysis.layer} is at ${bits} bits` : `Set ${analysis.layer} to ${bits} bits`}
        className="mb-0.5 flex h-6 items-center gap-2 rounded-sm text-left"
      >
        <BitsChip bits={bits} />
        <span className="flex-1 text-xs text-ink3">{current ? 'chosen' : ''}</span>
        <span className="figure">{error ? formatDb(error.sqnrDb, 1) : '–'}</span>
      </button>
      {whatIf ? (
        <SmallMultiple
          label={`${analysis.layer} at ${bits} bits: SQNR ${formatDb(whatIf.error.sqnrDb)}`}
          bins={analysis.histogram}
          over={whatIf.quantizedCounts}
          overLabel="quantized"
          strip={strip}
          stripLabel="mean error"
          stripLimit={limit}
          color={bitsColor(bits)}
          scale={scale}
          range={range ?? full}
          total={analysis.statistics.count}
          levels={whatIf.levels.values}
          onPick={() => choose(analysis.layer, bits)}
          group="bit-widths"
        />
      ) : (
        <div className="flex-1" />
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
