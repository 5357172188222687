/** The exact histogram of the weights with the quantizer's levels and clip lines on it. */
import { useState } from 'react';
import {
  ChartFrame,
  formatShort,
  HistogramChart,
  type Range,
  type ReadoutLine,
  type ScaleKind,
  ToolToggle,
} from '../../charts/index.js';
import { roundedValues } from '../../host/contract.js';
import { type FigurePair, type LayerFigures, valueRange } from '../../host/index.js';
import {
  bitsColor,
  formatCount,
  formatDb,
  formatNumber,
  formatShape,
  formatShare,
  plural,
} from '../../ui/index.js';
import { hasClipLines, histogramTable, levelsNote, nearestLevel, weightSummary } from './weight-figures.js';

export interface WeightChartProps {
  figures: LayerFigures;
  range: Range | null;
  onRangeChange(range: Range | null): void;
  scale: ScaleKind;
  onScaleChange(scale: ScaleKind): void;
}

export function WeightChart({ figures, range, onRangeChange, scale, onScaleChange }: WeightChartProps) {
  const { pair, lens } = figures;
  const [showQuantized, setShowQuantized] = useState(false);
  const toggleScale = () => onScaleChange(scale === 'log' ? 'linear' : 'log');
  const resetZoom = () => onRangeChange(null);
  const table = pair ? () => histogramTable(pair) : undefined;
  const { layer, row } = lens;
  return (
    <ChartFrame
      title={layer?.name ?? ''}
      subtitle={layer ? [formatShape(layer.shape), ...lookedAt(pair, row)].join(' · ') : undefined}
      note={pair ? <HistogramNote pair={pair} /> : null}
      summary={pair ? weightSummary(pair) : 'Reading the weights.'}
      table={table}
      scale={scale}
      onScaleChange={onScaleChange}
      zoomed={range !== null}
      onResetZoom={resetZoom}
      busy={figures.busy}
      error={figures.error}
      onRetry={figures.retry}
      tools={
        pair && pair.quantizer.bits !== 32 ? (
          <ToolToggle label="Show the quantized weights too" on={showQuantized} onChange={setShowQuantized}>
            quantized
          </ToolToggle>
        ) : null
      }
      className="min-h-64 flex-[1_1_0]"
    >
      {pair ? (
        <WeightPlot
          pair={pair}
          range={range}
          onRangeChange={onRangeChange}
          scale={scale}
          onToggleScale={toggleScale}
          showQuantized={showQuantized}
        />
      ) : null}
    </ChartFrame>
  );
}

/** What is shown in place of the weights; which row; or, of many scales, whose levels stand on the histogram of all. */
function lookedAt(pair: FigurePair | null, row: number | null): string[] {
  const float = !pair || pair.quantizer.bits === 32;
  const rounds = float ? null : roundedValues(pair.quantizer.method);
  const values = rounds === null ? [] : [rounds];
  if (row !== null) return [...values, `channel ${row}`];
  if (float || pair.whatIf.levels.row === null) return values;
  return [...values, `levels of channel ${pair.whatIf.levels.row}`];
}

function HistogramNote({ pair }: { pair: FigurePair }) {
  const { histogram } = pair.analysis;
  const outside = histogram.below + histogram.above;
  return (
    <span title={levelsNote(pair)}>
      {formatCount(histogram.exactBins)} bins · {formatCount(outside)} outside
    </span>
  );
}

interface WeightPlotProps {
  pair: FigurePair;
  range: Range | null;
  onRangeChange(range: Range | null): void;
  scale: ScaleKind;
  onToggleScale(): void;
  showQuantized: boolean;
}

const noLevels: readonly number[] = [];

function WeightPlot({ pair, range, onRangeChange, scale, onToggleScale, showQuantized }: WeightPlotProps) {
  const { analysis, whatIf, quantizer } = pair;
  const { histogram, statistics } = analysis;
  const float = quantizer.bits === 32;
  const color = bitsColor(quantizer.bits);
  const { values, clipLow, clipHigh } = whatIf.levels;
  const levels = { values: float ? noLevels : values, color };
  const shown = valueRange(statistics, [levels.values]);
  // The same limits are the same object: bits that do not move them do not redraw the histogram.
  const full = { low: shown.low, high: shown.high };
  const clips = hasClipLines(quantizer) && clipHigh > clipLow;
  const limits = (clips ? [clipLow, clipHigh] : []).map((value) => ({
    value,
    label: `clip ${formatShort(value, 3)}`,
  }));
  const over =
    showQuantized && !float
      ? { label: `quantized, ${quantizer.bits} bit`, counts: whatIf.quantizedCounts, color }
      : undefined;
  const details = (bin: number, x: number): readonly ReadoutLine[] => {
    if (float) return [];
    const level = nearestLevel(values, x);
    const lines: ReadoutLine[] = [];
    if (level !== null) lines.push({ label: 'nearest level', value: formatNumber(level, 4) });
    if ((histogram.counts[bin] ?? 0) > 0) {
      lines.push({ label: 'mean error', value: formatNumber(whatIf.meanErrorByBin[bin] ?? 0, 3) });
    }
    return lines;
  };
  return (
    <HistogramChart
      label={`Distribution of ${analysis.layer}, ${plural(statistics.count, 'weight')}. SQNR ${formatDb(whatIf.error.sqnrDb)}, clipped ${formatShare(whatIf.error.clippedShare, 2)}`}
      bins={histogram}
      total={statistics.count}
      unit="weights"
      scale={scale}
      onToggleScale={onToggleScale}
      range={range}
      full={full}
      onRangeChange={onRangeChange}
      over={over}
      levels={levels}
      limits={limits}
      details={details}
    />
  );
}
