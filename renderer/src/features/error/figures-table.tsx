/** Every error measure at each bit-width that the quantizer has. */
import { CopyTable } from '../../charts/index.js';
import type { QuantizationError } from '../../host/contract.js';
import { setLayerConfigs, useOwnBits } from '../../host/index.js';
import {
  BitsChip,
  Card,
  type DataColumn,
  DataTable,
  formatBytes,
  formatCount,
  formatDb,
  formatNumber,
  formatShare,
  plural,
  rawTable,
  sortRows,
  useSort,
} from '../../ui/index.js';
import { type ErrorPartProps, ownErrors, sqnrOrder } from './figures.js';

export const errorColumns: readonly DataColumn<QuantizationError>[] = [
  {
    id: 'bits',
    header: 'bits',
    value: (e) => e.bits,
    cell: (e) => <BitsChip bits={e.bits} />,
    align: 'left',
  },
  {
    id: 'sqnr',
    header: 'SQNR dB',
    title: 'Signal to quantization noise, 10·log₁₀(Σw²/Σ(w−ŵ)²)',
    value: sqnrOrder,
    cell: (e) => (e.sqnrDb === null ? 'exact' : formatDb(e.sqnrDb).replace(' dB', '')),
    firstSort: 'descending',
  },
  {
    id: 'mse',
    header: 'MSE',
    title: 'Mean squared error',
    value: (e) => e.mse,
    cell: (e) => formatNumber(e.mse),
  },
  {
    id: 'cosine',
    header: 'cosine',
    title: 'Cosine similarity of the float and the quantized weight',
    value: (e) => e.cosine,
    cell: (e) => e.cosine.toFixed(4),
    firstSort: 'descending',
  },
  { id: 'max', header: 'max error', value: (e) => e.maxError, cell: (e) => formatNumber(e.maxError, 3) },
  {
    id: 'clipped',
    header: 'clipped',
    title: 'Share of weights outside the clip lines',
    value: (e) => e.clippedShare,
    cell: (e) => (e.bits === 1 ? '–' : formatShare(e.clippedShare, 2)),
  },
  {
    id: 'codes',
    header: 'codes',
    title: 'Codes that occur, of all codes of the grid',
    value: (e) => e.codesUsed,
    cell: (e) => `${formatCount(e.codesUsed)}/${formatCount(e.codesTotal)}`,
  },
  {
    id: 'entropy',
    header: 'entropy',
    title: 'Entropy of the codes in bits: what an ideal compressor would need per weight',
    value: (e) => e.codeEntropyBits,
    cell: (e) => e.codeEntropyBits.toFixed(2),
  },
  {
    id: 'effective',
    header: 'bits/weight',
    title: 'Stored bits per weight: codes, scales, zero points and padding',
    value: (e) => e.effectiveBits,
    cell: (e) => e.effectiveBits.toFixed(2),
  },
  { id: 'size', header: 'packed', value: (e) => e.packedBytes, cell: (e) => formatBytes(e.packedBytes) },
];

export function FiguresTable({ pair }: ErrorPartProps) {
  const [sort, setSort] = useSort(null);
  const { layer, quantizer } = pair;
  const own = useOwnBits(quantizer);
  const errors = ownErrors(pair, own);
  const table = () => rawTable(sortRows(errors, errorColumns, sort), errorColumns);
  return (
    <Card
      className="col-span-2 @max-[36rem]:col-span-1"
      title={layer}
      subtitle="error of the quantized weight by bits"
      actions={<CopyTable title={`${layer} error by bits`} table={table} />}
    >
      <DataTable
        label={`Errors of ${layer} by bits`}
        columns={errorColumns}
        rows={errors}
        rowKey={(error) => String(error.bits)}
        sort={sort}
        onSort={setSort}
        isCurrent={(error) => error.bits === quantizer.bits}
        onRowClick={({ bits }) =>
          setLayerConfigs([layer], { weight: { bits } }, `Set ${layer} to ${plural(bits, 'bit')}`)
        }
        rowTitle={({ bits }) =>
          bits === quantizer.bits ? undefined : `Set ${layer} to ${plural(bits, 'bit')}`
        }
      />
      {own.note ? <p className="mt-2 px-1.5 text-sm text-ink3">{own.note}.</p> : null}
    </Card>
  );
}
