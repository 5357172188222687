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

function figures({ error }: WhatIf): KeyValueItem[] {
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
      value: error.codesTotal > 0 ? `${error.codeEntropyBits.toFixed(2)} bit` : '—',
      title: 'Information in a code; below the bits means levels are used unevenly',
    },
    {
      key: 'bits / weight',
      value: (
        <>
          {error.effectiveBits.toFixed(2)}
          <span className="font-normal text-ink3"> · {formatBytes(error.packedBytes)}</span>
        </>
      ),
      title: 'Stored bits and bytes with scales, zero points and padding',
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
      actions={
        <>
          {data && !loading ? (
            <span className="figure text-ink3">{`${data.nativeMs.toFixed(1)} ms`}</span>
          ) : null}
          <BitsChip bits={quantizer.bits} />
        </>
      }
    >
      {data ? (
        <KeyValue items={figures(data)} />
      ) : (
        <div aria-busy="true" className="h-[157px] animate-pulse rounded-md bg-bg3/40" />
      )}
    </Card>
  );
}
