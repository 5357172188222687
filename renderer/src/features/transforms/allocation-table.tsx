import type { Allocation, MeasuredBits } from '../../host/contract.js';
import { setAllocation, useAllocation } from '../../host/index.js';
import {
  BitsChip,
  Checkbox,
  type DataColumn,
  DataTable,
  formatBytes,
  formatDb,
  useSort,
} from '../../ui/index.js';
import { toggled } from './choice.js';

type Row = Allocation['layers'][number];

/** −10·log₁₀ of the error's share of the power; null = exact, undefined where nothing was measured. */
export function sqnrOf({ error }: MeasuredBits, power: number | null): number | null | undefined {
  if (error === null || power === null) return undefined;
  return error === 0 ? null : 10 * Math.log10(power / error);
}

const dbText = (db: number | null | undefined) => (db === undefined ? '–' : formatDb(db, 1));

function Step({ before, after }: { before: string; after: string }) {
  if (before === after) return <span className="text-ink2">{after}</span>;
  return (
    <>
      <span className="text-ink3">{before} → </span>
      {after}
    </>
  );
}

const columnsOf = (measure: Allocation['measure']): DataColumn<Row>[] => [
  {
    id: 'keep',
    header: 'keep',
    title: 'Layers that keep the bits they have',
    value: ({ fixed }) => (fixed === null ? 0 : 1),
    cell: (row) => <Keep row={row} />,
    align: 'left',
    unsortable: true,
  },
  { id: 'layer', header: 'layer', value: ({ layer }) => layer, align: 'left', wide: true },
  {
    id: 'bits',
    header: 'bits',
    title: 'Now, and as proposed',
    value: ({ proposed }) => proposed.bits,
    cell: ({ now, proposed }) => <BitsStep now={now.bits} proposed={proposed.bits} />,
    align: 'left',
  },
  {
    id: 'error',
    header: measure === 'output' ? 'output SQNR' : 'weight SQNR',
    title: measure === 'output' ? 'mean ‖Wx‖² over mean ‖Ŵx − Wx‖²' : 'Σw² over Σ(ŵ − w)²',
    value: ({ proposed, power }) => sqnrOf(proposed, power) ?? null,
    cell: ({ now, proposed, power }) => (
      <Step before={dbText(sqnrOf(now, power))} after={dbText(sqnrOf(proposed, power))} />
    ),
  },
  {
    id: 'bytes',
    header: 'bytes',
    value: ({ proposed }) => proposed.bytes,
    cell: ({ now, proposed }) => <Step before={formatBytes(now.bytes)} after={formatBytes(proposed.bytes)} />,
    firstSort: 'descending',
  },
];

function BitsStep({ now, proposed }: { now: number; proposed: number }) {
  return (
    <span className="inline-flex items-center gap-1">
      <BitsChip bits={now} />
      {now === proposed ? null : (
        <>
          <span aria-hidden className="text-ink3">
            →
          </span>
          <span className="sr-only">becomes</span>
          <BitsChip bits={proposed} />
        </>
      )}
    </span>
  );
}

function Keep({ row }: { row: Row }) {
  const fixed = useAllocation((state) => state.fixed);
  const asked = fixed.includes(row.layer);
  const byItself = row.fixed !== null && !asked;
  return (
    <span title={byItself ? (row.fixed ?? undefined) : undefined}>
      <Checkbox
        label={`Keep ${row.layer}`}
        hideLabel
        checked={asked || byItself}
        disabled={byItself}
        onChange={() => setAllocation({ fixed: toggled(fixed, row.layer) })}
      />
    </span>
  );
}

/** Each layer's bits now and as proposed, with what they cost. */
export function AllocationTable({ allocation }: { allocation: Allocation }) {
  const [sort, setSort] = useSort(null);
  return (
    <DataTable
      label="Bits of the layers"
      columns={columnsOf(allocation.measure)}
      rows={allocation.layers}
      rowKey={({ layer }) => layer}
      sort={sort}
      onSort={setSort}
      className="max-h-[32vh]"
    />
  );
}
