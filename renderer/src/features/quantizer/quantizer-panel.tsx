import { MousePointerClick } from 'lucide-react';
import type { LayerInfo, WeightQuantizer } from '../../host/contract.js';
import { selectAllLayers, useInputsKind, useProject } from '../../host/index.js';
import { Button, EmptyState, plural, ScrollArea } from '../../ui/index.js';
import { ActivationControls } from './activation-controls.js';
import { AdjustmentNote } from './adjustment-note.js';
import { BitsCurve } from './bits-curve.js';
import { CalibrationSection } from './calibration-section.js';
import { isMixed } from './common-value.js';
import { LayerTrainingSection } from './layer-training-section.js';
import { MetricsCard } from './metrics-card.js';
import { OutcomeCard } from './outcome-card.js';
import { PresetRow } from './preset-row.js';
import { TrainingSection } from './training-section.js';
import { useSelectedLayers } from './use-selected.js';
import { WeightBits, WeightDetails } from './weight-controls.js';
import { formulaOf } from './words.js';

function FormulaLine({ quantizer }: { quantizer: WeightQuantizer }) {
  const { value, scale } = formulaOf(quantizer);
  return (
    <div data-selectable className="rounded-md border border-line border-dashed px-2.5 py-1">
      <p className="figure text-ink">{value}</p>
      <p className="text-xs text-ink3">{scale}</p>
    </div>
  );
}

function stateSummary(layers: readonly LayerInfo[]): string {
  const [first] = layers;
  if (layers.length === 1 && first) return first.state === 'float' ? 'as loaded' : first.state;
  const quantized = layers.filter((layer) => layer.state === 'quantized').length;
  return quantized === 0 ? '' : `${quantized} quantized`;
}

/** The quantizer of the selected layers, what it does to the primary one, and the training's settings. */
export function QuantizerPanel() {
  const { layers, configs, primary, primaryConfig } = useSelectedLayers();
  const { block } = useInputsKind();
  const hasLayers = useProject((state) => (state.project?.model.layers.length ?? 0) > 0);
  if (!primary || !primaryConfig) {
    return (
      <div className="flex h-full">
        <EmptyState
          icon={<MousePointerClick />}
          title="No layer selected"
          actions={
            hasLayers ? (
              <Button size="sm" onClick={selectAllLayers}>
                Select all layers
              </Button>
            ) : undefined
          }
        >
          Pick a layer on the left to choose its bits and quantizer; Ctrl and Shift pick several at once.
        </EmptyState>
      </div>
    );
  }
  const mixed = isMixed(configs, (config) => JSON.stringify(config.weight));
  return (
    <ScrollArea className="h-full" data-testid="quantizer-panel">
      <div className="flex flex-col gap-[9px] px-3.5 pt-2.5 pb-4">
        <h2 className="flex items-baseline gap-1.5 text-base font-semibold">
          Quantizer
          <span className="font-normal text-ink3">· {plural(layers.length, 'layer')}</span>
          <span className="flex-1" />
          <span className="text-sm font-normal text-ink3">{stateSummary(layers)}</span>
        </h2>
        <PresetRow configs={configs} />
        <WeightBits configs={configs} />
        <ActivationControls configs={configs} />
        <WeightDetails layers={layers} configs={configs} />
        <AdjustmentNote />
        <FormulaLine quantizer={primaryConfig.weight} />
        {mixed ? (
          <p className="-mt-1.5 text-xs text-ink3">
            The layers differ; formula and figures are of {primary.name}.
          </p>
        ) : null}
        <MetricsCard layer={primary} quantizer={primaryConfig.weight} />
        {primary.outcome ? <OutcomeCard outcome={primary.outcome} canCapture={block === null} /> : null}
        <BitsCurve layer={primary} quantizer={primaryConfig.weight} />
        <CalibrationSection layers={layers} />
        <LayerTrainingSection count={layers.length} />
        <TrainingSection />
      </div>
    </ScrollArea>
  );
}
