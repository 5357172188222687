/** The weights of the selected layer, the quantizer's levels on them, and the same layer at other bits. */
import { Layers } from 'lucide-react';
import { useEffect, useState } from 'react';
import { ChartActionsProvider, type Range, type ScaleKind } from '../../charts/index.js';
import { chartHost, useLayerFigures } from '../../host/index.js';
import { EmptyState, ScrollArea } from '../../ui/index.js';
import { BitsRow } from './bits-row.js';
import { LensBar } from './lens-bar.js';
import { StatisticsStrip } from './statistics-strip.js';
import { WeightChart } from './weight-chart.js';

export function DistributionView() {
  const [range, setRange] = useState<Range | null>(null);
  const [scale, setScale] = useState<ScaleKind>('linear');
  const figures = useLayerFigures(range);
  const { layer, row, run } = figures.lens;
  const looked = `${layer?.name} ${row} ${run?.id}`;
  // A zoom belongs to the values it was made on.
  // biome-ignore lint/correctness/useExhaustiveDependencies: resets exactly when other values are looked at
  useEffect(() => setRange(null), [looked]);

  if (!layer) {
    return (
      <EmptyState icon={<Layers />} title="No layer selected">
        Pick a layer in the list on the left to see its weights and where the quantizer puts its levels.
      </EmptyState>
    );
  }
  return (
    <ChartActionsProvider value={chartHost}>
      <ScrollArea className="@container flex flex-1 flex-col gap-2.5 px-3.5 py-2.5">
        <LensBar lens={figures.lens} />
        <WeightChart
          figures={figures}
          range={range}
          onRangeChange={setRange}
          scale={scale}
          onScaleChange={setScale}
        />
        <StatisticsStrip figures={figures} />
        <BitsRow figures={figures} range={range} scale={scale} />
      </ScrollArea>
    </ChartActionsProvider>
  );
}
