import { clsx } from 'clsx';
import type { ExportRecord } from '../../host/contract.js';
import { showInFolder, useExports, type Verification, verifyExport } from '../../host/index.js';
import {
  Button,
  Card,
  CutText,
  EmptyState,
  formatBytes,
  formatShare,
  formatTime,
  StateDot,
} from '../../ui/index.js';
import { proofHolds } from './proof-card.js';

const words: Record<Verification['state'], string> = {
  checking: 'checking…',
  matches: 'unchanged',
  differs: 'changed since',
};

function Row({ record, verification }: { record: ExportRecord; verification: Verification | undefined }) {
  const fileName = record.path.split(/[\\/]/).pop() ?? record.path;
  return (
    <tr className="border-t border-line">
      <td className="py-1.5 pr-3">
        <StateDot
          tone={proofHolds(record) ? 'ok' : 'bad'}
          label={proofHolds(record) ? 'proven equal' : 'the proof does not hold'}
        />
      </td>
      <td className="w-full max-w-0 min-w-28 py-1 pr-3 leading-[17px]">
        <CutText text={fileName} title={record.path} />
        <div className="truncate text-sm text-ink2" title={record.label}>
          {record.label}
        </div>
      </td>
      <td className="figure py-1.5 pr-3 text-right whitespace-nowrap">{formatBytes(record.sizeBytes)}</td>
      <td className="figure py-1.5 pr-3 text-right whitespace-nowrap">
        {record.logits ? formatShare(record.logits.accuracy, 2) : '—'}
      </td>
      <td
        className="figure py-1.5 pr-3 whitespace-nowrap text-ink3 @max-[36rem]:hidden"
        title={record.sha256}
      >
        {record.sha256.slice(0, 8)}
      </td>
      <td className="figure py-1.5 pr-3 whitespace-nowrap text-ink2 @max-[36rem]:hidden">
        {formatTime(record.createdAt)}
      </td>
      <td className="py-1.5 text-right whitespace-nowrap">
        {verification ? (
          <span
            role="status"
            className={clsx(
              'mr-2 text-sm',
              verification.state === 'matches' && 'text-ok',
              verification.state === 'differs' && 'text-bad',
            )}
          >
            {words[verification.state]}
          </span>
        ) : null}
        <Button
          size="sm"
          variant="ghost"
          busy={verification?.state === 'checking'}
          onClick={() => void verifyExport(record.path)}
        >
          Verify
        </Button>
        <Button size="sm" variant="ghost" onClick={() => void showInFolder(record.path)}>
          Show
        </Button>
      </td>
    </tr>
  );
}

/** Every file exported from this project, newest first. */
export function ExportHistory({ records }: { records: readonly ExportRecord[] }) {
  const verified = useExports((state) => state.verified);
  return (
    <Card title="Exported files" subtitle={records.length > 0 ? String(records.length) : undefined}>
      {records.length === 0 ? (
        <EmptyState title="Nothing exported yet" className="!p-4">
          Files written from here are listed with their proof, and can be verified again at any time.
        </EmptyState>
      ) : (
        <table className="w-full text-left">
          <thead className="text-sm text-ink3">
            <tr>
              <th className="w-5 pb-1 font-normal">
                <span className="sr-only">Proof</span>
              </th>
              <th className="pb-1 font-normal">File, source</th>
              <th className="pr-3 pb-1 text-right font-normal">Size</th>
              <th className="pr-3 pb-1 text-right font-normal">Accuracy</th>
              <th className="pb-1 font-normal @max-[36rem]:hidden">SHA-256</th>
              <th className="pb-1 font-normal @max-[36rem]:hidden">Written</th>
              <th className="pb-1">
                <span className="sr-only">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {[...records].reverse().map((record) => (
              <Row
                key={`${record.path} ${record.createdAt}`}
                record={record}
                verification={verified[record.path]}
              />
            ))}
          </tbody>
        </table>
      )}
    </Card>
  );
}
