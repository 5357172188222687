import { ShieldCheck } from 'lucide-react';
import type { ReactNode } from 'react';
import type { TransformRecord } from '../../host/contract.js';
import { formatBytes, formatCount, formatDb, formatNumber, plural } from '../../ui/index.js';
import { ChangedLayers } from './changed-layers.js';

function Line({ name, title, children }: { name: string; title?: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-ink2" title={title}>
        {name}
      </dt>
      <dd className="min-w-0 break-words">{children}</dd>
    </>
  );
}

const samplesText = ({ inputs, samples }: TransformRecord) =>
  inputs === 'test' ? `${formatCount(samples)} test images` : `${formatCount(samples)} drawn inputs, N(0, 1)`;

/** The file that was written, and the proof that it computes what the model does. */
export function RecordView({ record }: { record: TransformRecord }) {
  const { maxDifference, tolerance, sameDecision, samples, outputDb } = record;
  return (
    <div className="flex flex-col gap-4">
      <section aria-label="Proof">
        <h3 className="mb-2 flex items-center gap-2 text-base font-semibold text-ok">
          <ShieldCheck aria-hidden className="size-[18px]" />
          Proven: the same outputs
        </h3>
        <dl data-selectable className="figure grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1">
          <Line name="File">
            <span className="break-all">{record.path}</span>{' '}
            <span className="text-ink3">{formatBytes(record.sizeBytes)}</span>
          </Line>
          <Line name="SHA-256">
            <span className="tracking-tight break-all">{record.sha256}</span>
          </Line>
          <Line name="Done">
            {plural(record.folded, 'batch norm')} folded, {plural(record.equalized, 'pair')} of layers
            equalised
          </Line>
          <Line name="Compared on">{samplesText(record)}</Line>
          <Line
            name="Max output difference"
            title="Float32 products round differently in another order: 1e-4 of the largest output is allowed"
          >
            <span className="text-ok">{formatNumber(maxDifference, 3)}</span>
            <span className="text-ink3">, at most {formatNumber(tolerance, 3)} allowed</span>
          </Line>
          <Line name="Same decision">
            {formatCount(sameDecision)} of {formatCount(samples)}
          </Line>
          <Line
            name="Outputs at W4 per tensor"
            title="SQNR of the network’s outputs with every weight at 4 bits, signed, one MSE scale per tensor"
          >
            <span className="text-ink3">{formatDb(outputDb.before, 1)} → </span>
            {formatDb(outputDb.after, 1)}
          </Line>
        </dl>
      </section>
      <ChangedLayers layers={record.layers} />
    </div>
  );
}
