import type { LayerInfo, WeightQuantizer, WhatIf } from '../../host/contract.js';
import { useWhatIf } from '../../host/index.js';
import {
  BitsChip,
  Card,
  ErrorState,
  formatBytes,
  formatDb,
  formatNumber,
  formatShare,
  KeyValue,
  type KeyValueItem,
} from '../../ui/index.js';

function figures({ error, levels }: WhatIf): KeyValueItem[] {
  return [
    { key: 'SQNR', value: formatDb(error.sqnrDb), title: '10·log10(Σw² / Σ(w−ŵ)²)' },
    { key: 'MSE', value: formatNumber(error.mse, 3), title: 'Mean squared error of the quantized weights' },
    { key: 'cosine', value: error.cosine.toFixed(5), title: 'Cosine between the weights before and after' },
    {
      key: 'max error',
      value: formatNumber(error.maxError, 3),
      title: 'Largest distance of a weight from its level',
    },
    {
      key: 'clipped',
      value: formatShare(error.clippedShare, 2),
      title: 'Weights beyond the outermost levels',
    },
    {
      key: 'codes used',
      value: error.codesTotal > 0 ? `${error.codesUsed} / ${error.codesTotal}` : '—',
      title: 'Levels that at least one weight takes',
    },
    {
      key: 'code entropy',
      value: `${error.codeEntropyBits.toFixed(2)} bit`,
      title: 'Information in a code; below the bits means levels are used unevenly',
    },
    {
      key: 'bits / weight',
      value: error.effectiveBits.toFixed(2),
      title: 'Stored bits with scales, zero points and padding',
    },
    { key: 'packed size', value: formatBytes(error.packedBytes) },
    {
      key: levels.scaleCount === 1 ? 'scale' : `scales (${levels.scaleCount})`,
      value:
        levels.scaleCount === 0
          ? '—'
          : levels.scaleMin === levels.scaleMax
            ? formatNumber(levels.scale, 3)
            : `${formatNumber(levels.scaleMin, 3)} … ${formatNumber(levels.scaleMax, 3)}`,
      title: 'Smallest and largest scale of the layer',
    },
  ];
}

/** What the quantizer does to the primary layer, computed natively on its real weights. */
export function MetricsCard({ layer, quantizer }: { layer: LayerInfo; quantizer: WeightQuantizer }) {
  const { data, error, loading } = useWhatIf(layer.name, quantizer);
  if (error) {
    return (
      <Card inset title="Error">
        <ErrorState error={error} className="!p-0" />
      </Card>
    );
  }
  return (
    <Card
      inset
      title={layer.name}
      actions={<BitsChip bits={quantizer.bits} />}
      subtitle={data && !loading ? `${data.nativeMs.toFixed(1)} ms` : null}
    >
      {data ? (
        <KeyValue items={figures(data)} />
      ) : (
        <div aria-busy="true" className="h-[196px] animate-pulse rounded-md bg-bg3/40" />
      )}
    </Card>
  );
}
