import { Copy, FolderOpen, ShieldCheck, ShieldX } from 'lucide-react';
import type { ReactNode } from 'react';
import type { ExportRecord } from '../../host/contract.js';
import { copyText, showInFolder } from '../../host/index.js';
import {
  Button,
  Card,
  CutText,
  formatBytes,
  formatCount,
  formatNumber,
  formatShare,
} from '../../ui/index.js';
import { originSummary } from './origin-words.js';

const total = (record: ExportRecord, pick: (layer: ExportRecord['layers'][number]) => number) =>
  record.layers.reduce((sum, layer) => sum + pick(layer), 0);

/** What "up to rounding" means; docs/file-formats.md says it at length. */
const roundingNote =
  'Within 1e-4 of the largest logit. Float sums and integer sums round differently; where that moves an activation across the edge between two codes, an image differs by more. At most 5 % of the images may.';

/** Whether every compared part of the file equals what was trained. */
export function proofHolds(record: ExportRecord): boolean {
  const different = total(record, (layer) => layer.codesDifferent + layer.scalesDifferent);
  const { logits } = record;
  return different === 0 && (logits === null || logits.maxDifference <= logits.tolerance);
}

/** The quantizer libraries whose levels the file holds, each once: name, version and hash. */
function librariesOf(record: ExportRecord) {
  const named = record.layers.flatMap(({ library }) => (library ? [library] : []));
  return [...new Map(named.map((library) => [library.sha256, library])).values()];
}

/** The proof as text, for a report. */
export function proofText(record: ExportRecord): string {
  const origins = originSummary(record.layers.map(({ origin }) => origin));
  const lines = [
    `file: ${record.path}`,
    `source: ${record.label}`,
    `written: ${record.createdAt}`,
    `size: ${record.sizeBytes} bytes`,
    `sha256: ${record.sha256}`,
    `codes compared: ${total(record, (layer) => layer.codes)}, different: ${total(record, (layer) => layer.codesDifferent)}`,
    `scales different: ${total(record, (layer) => layer.scalesDifferent)}`,
    ...(origins === null ? [] : [`codes by: ${origins}`]),
    ...librariesOf(record).map(
      ({ name, version, sha256 }) => `quantizer library: ${name} ${version}, sha256 ${sha256}`,
    ),
  ];
  if (record.logits) {
    const { images, maxDifference, withinRounding, sameDecision, accuracy } = record.logits;
    lines.push(
      `largest logit difference: ${maxDifference}`,
      ...(withinRounding === null
        ? []
        : [`logits equal up to rounding: ${withinRounding} of ${images} images`]),
      `same decision: ${sameDecision} of ${images} images, accuracy ${accuracy}`,
    );
  } else if (record.logitsReason) {
    lines.push(`logits: not compared, ${record.logitsReason}`);
  }
  return lines.join('\n');
}

/** A long folder is cut in sight, never the file's name. */
const fileNameAt = (path: string) => Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1;

function Line({ name, children, good }: { name: string; children: ReactNode; good?: boolean }) {
  return (
    <>
      <dt className="text-ink2">{name}</dt>
      <dd className={`min-w-0 break-words ${good === undefined ? '' : good ? 'text-ok' : 'text-bad'}`}>
        {children}
      </dd>
    </>
  );
}

function LogitLines({ record }: { record: ExportRecord }) {
  const { logits } = record;
  if (!logits) return <Line name="Logits">not compared: {record.logitsReason ?? 'no data set is open'}</Line>;
  return (
    <>
      <Line name="Max logit difference" good={logits.maxDifference <= logits.tolerance}>
        {formatNumber(logits.maxDifference, 3)}
      </Line>
      {logits.withinRounding === null ? null : (
        <Line name="Logits equal" good={logits.withinRounding >= logits.images * 0.95}>
          <span title={roundingNote}>
            {formatCount(logits.withinRounding)} of {formatCount(logits.images)} images up to rounding
          </span>
        </Line>
      )}
      <Line name="Same decision" good={logits.sameDecision === logits.images}>
        {formatCount(logits.sameDecision)} of {formatCount(logits.images)} images
      </Line>
      <Line name="Accuracy of the file">{formatShare(logits.accuracy, 2)}</Line>
    </>
  );
}

/** What was re-read from the written file, and that it equals what was trained. */
export function ProofCard({ record }: { record: ExportRecord }) {
  const holds = proofHolds(record);
  const different = total(record, (layer) => layer.codesDifferent);
  const scales = total(record, (layer) => layer.scalesDifferent);
  const origins = originSummary(record.layers.map(({ origin }) => origin));
  const Icon = holds ? ShieldCheck : ShieldX;
  return (
    <Card
      title={
        <span className={`flex items-center gap-2 text-base ${holds ? 'text-ok' : 'text-bad'}`}>
          <Icon aria-hidden className="size-[18px]" />
          {holds ? 'Proven equal' : 'The proof does not hold'}
        </span>
      }
      subtitle={record.label}
      actions={
        <>
          <Button
            size="sm"
            icon={<FolderOpen className="size-3.5" />}
            onClick={() => void showInFolder(record.path)}
          >
            Show in folder
          </Button>
          <Button
            size="sm"
            icon={<Copy className="size-3.5" />}
            onClick={() => void copyText(proofText(record))}
          >
            Copy proof
          </Button>
        </>
      }
    >
      <dl data-selectable className="figure grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1">
        <Line name="File">
          <span className="flex gap-2">
            <CutText text={record.path} at={fileNameAt(record.path)} />
            <span className="shrink-0 text-ink3">{formatBytes(record.sizeBytes)}</span>
          </span>
        </Line>
        <Line name="SHA-256">
          <span className="tracking-tight break-all">{record.sha256}</span>
        </Line>
        <Line name="Codes compared" good={different === 0}>
          {formatCount(total(record, (layer) => layer.codes))}
          <span className="text-ink3">
            , {different === 0 ? 'all equal' : `${formatCount(different)} differ`}
          </span>
        </Line>
        <Line name="Scales" good={scales === 0}>
          {scales === 0 ? 'all equal' : `${formatCount(scales)} differ`}
        </Line>
        {origins === null ? null : <Line name="Codes by">{origins}</Line>}
        {librariesOf(record).map(({ name, version, sha256 }) => (
          <Line key={sha256} name="Quantizer library">
            {name} {version} <span className="tracking-tight break-all text-ink3">{sha256}</span>
          </Line>
        ))}
        <LogitLines record={record} />
      </dl>
    </Card>
  );
}
