import { Chip, CutText, formatBytes, formatCount, formatShape, StateDot } from '../../ui/index.js';
import type { LayerLine } from './sources.js';

/** More rows than this are summed up: the table is a check before writing, not a browser. */
const maxRows = 200;

export function LayerTable({ lines }: { lines: readonly LayerLine[] }) {
  const shown = lines.slice(0, maxRows);
  const bytes = lines.reduce((sum, line) => sum + line.bytes, 0);
  const weights = lines.reduce(
    (sum, line) => sum + line.shape.reduce((product, size) => product * size, 1),
    0,
  );
  return (
    <table className="w-full text-left">
      <thead className="text-sm text-ink3">
        <tr>
          <th className="w-5 pb-1">
            <span className="sr-only">State</span>
          </th>
          <th className="w-2/5 min-w-28 pb-1 font-normal">Layer</th>
          <th className="pb-1 font-normal">Shape</th>
          <th className="pb-1 font-normal">Bits</th>
          <th className="pb-1 font-normal">Codes by</th>
          <th className="pb-1 text-right font-normal whitespace-nowrap">Bits / weight</th>
          <th className="pb-1 text-right font-normal">Bytes</th>
        </tr>
      </thead>
      <tbody>
        {shown.map((line) => (
          <tr key={line.name} className="border-t border-line">
            <td className="pr-3">
              <StateDot
                tone={line.ready ? 'ok' : 'idle'}
                label={line.ready ? 'ready' : 'not quantized yet'}
              />
            </td>
            <td className="max-w-0 py-1 pr-3">
              <CutText text={line.name} className="align-bottom" />
            </td>
            <td className="figure py-1 pr-3 whitespace-nowrap text-ink2">{formatShape(line.shape)}</td>
            <td className="py-1 pr-3">
              <Chip bits={line.bits}>{line.label}</Chip>
            </td>
            <td className="py-1 pr-3 whitespace-nowrap text-ink2">{line.ready ? line.origin : ''}</td>
            <td className="figure py-1 text-right">{line.effectiveBits.toFixed(2)}</td>
            <td className="figure py-1 pl-3 text-right whitespace-nowrap">{formatBytes(line.bytes)}</td>
          </tr>
        ))}
      </tbody>
      <tfoot className="figure">
        <tr className="border-t border-edge font-semibold">
          <td />
          <td className="py-1" colSpan={4}>
            {lines.length > maxRows
              ? `and ${formatCount(lines.length - maxRows)} more layers`
              : `${formatCount(weights)} weights`}
          </td>
          <td className="py-1 text-right">{weights > 0 ? ((bytes * 8) / weights).toFixed(2) : '—'}</td>
          <td className="py-1 pl-3 text-right whitespace-nowrap">{formatBytes(bytes)}</td>
        </tr>
      </tfoot>
    </table>
  );
}
