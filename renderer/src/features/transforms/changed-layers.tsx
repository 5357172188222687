import type { ChangedLayer } from '../../host/contract.js';
import { type DataColumn, DataTable, formatDb, useSort } from '../../ui/index.js';

const ratio = (value: number) => `${value.toFixed(value < 9.995 ? 2 : 1)}×`;

/** The gain in colour: better, worse, or neither to the eye. */
function Change({ before, after, better }: { before: string; after: string; better: number }) {
  const tone = Math.abs(better) < 0.05 ? '' : better > 0 ? 'text-ok' : 'text-warn';
  return (
    <>
      <span className="text-ink3">{before} → </span>
      <span className={tone}>{after}</span>
    </>
  );
}

const db = (value: number | null) => value ?? Number.POSITIVE_INFINITY;
const gain = ({ before, after }: ChangedLayer) =>
  before.sqnrDb === after.sqnrDb ? 0 : db(after.sqnrDb) - db(before.sqnrDb);

const columns: DataColumn<ChangedLayer>[] = [
  { id: 'layer', header: 'layer', value: ({ layer }) => layer, align: 'left', wide: true },
  {
    id: 'ratio',
    header: 'channel ranges',
    title: 'Largest over median max|w| of the output channels: what a scale per tensor has to span',
    value: ({ after }) => after.rangeRatio,
    cell: ({ before, after }) => (
      <Change
        before={ratio(before.rangeRatio)}
        after={ratio(after.rangeRatio)}
        better={before.rangeRatio - after.rangeRatio}
      />
    ),
  },
  {
    id: 'sqnr',
    header: 'SQNR at W4 per tensor',
    title: 'Signal to quantization noise of the weight: 4 bits, signed, one MSE scale for all of it',
    value: ({ after }) => after.sqnrDb,
    cell: (row) => (
      <Change
        before={formatDb(row.before.sqnrDb, 1)}
        after={formatDb(row.after.sqnrDb, 1)}
        better={gain(row)}
      />
    ),
  },
];

/** What the choice does to each weight it changes. */
export function ChangedLayers({ layers }: { layers: readonly ChangedLayer[] }) {
  const [sort, setSort] = useSort(null);
  return (
    <DataTable
      label="Weights that change"
      columns={columns}
      rows={layers}
      rowKey={({ layer }) => layer}
      sort={sort}
      onSort={setSort}
      className="max-h-[46vh]"
    />
  );
}
