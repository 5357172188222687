/**
 * series.ndjson: `{"s":[step,epoch,loss,learningRate]}` per training step, `{"e":{…}}` per evaluation and
 * `{"d":[step,epoch,[[name,figure,…],…]]}` per record of the layers' figures, in the order of `figureOrder`.
 * A training resumed from a checkpoint writes the steps after it again; the later line counts.
 */
import {
  type DiagnosticsPoint,
  type EvaluationPoint,
  evaluationPointSchema,
  type LayerFigure,
  type LayerFigures,
  type StepPoint,
} from '../contract/index.js';
import { toReadError } from '../formats/file-errors.js';
import { withRegularFile } from '../formats/regular-file.js';

const pieceBytes = 1024 * 1024;
/** Longer than any line of ours: what grows beyond it is damage and is passed over. */
const lineLimitBytes = 64 * 1024 * 1024;

export interface SeriesPoints {
  readonly steps: readonly StepPoint[];
  readonly evaluations: readonly EvaluationPoint[];
  readonly diagnostics: readonly DiagnosticsPoint[];
}

/** Append only: files have them in this order; what is missing at the end of an older line is null. */
const figureOrder: readonly LayerFigure[] = [
  'weightScale',
  'activationScale',
  'flipShare',
  'oscillatingShare',
  'frozenShare',
  'clippedWeights',
  'clippedInputs',
  'weightGradient',
  'scaleGradient',
  'sqnrDb',
];
/** Enough for any chart, and a third of the bytes. */
const figureDigits = 6;
const rounded = (value: number | null) => (value === null ? null : Number(value.toPrecision(figureDigits)));

function encodeDiagnostics({ step, epoch, layers }: DiagnosticsPoint): string {
  const rows = layers.map((layer) => [layer.name, ...figureOrder.map((figure) => rounded(layer[figure]))]);
  return `{"d":${JSON.stringify([step, epoch, rows])}}\n`;
}

export function encodeSeries({ steps, evaluations, diagnostics }: SeriesPoints): Buffer {
  const lines: string[] = [];
  for (const { step, epoch, loss, learningRate } of steps) {
    lines.push(`{"s":${JSON.stringify([step, epoch, loss, learningRate])}}\n`);
  }
  for (const point of evaluations) lines.push(`{"e":${JSON.stringify(point)}}\n`);
  for (const point of diagnostics) lines.push(encodeDiagnostics(point));
  return Buffer.from(lines.join(''));
}

/** Every readable point of `path` in order of steps; none when there is no file. Unreadable lines are passed over. */
export async function readSeriesFile(path: string): Promise<SeriesPoints> {
  const steps: StepPoint[] = [];
  const evaluations: EvaluationPoint[] = [];
  const diagnostics: DiagnosticsPoint[] = [];
  const points = { steps, evaluations, diagnostics };
  try {
    await withRegularFile(path, async (file) => {
      let rest = Buffer.alloc(0);
      for (let position = 0; position < file.sizeBytes; ) {
        const piece = Buffer.alloc(Math.min(pieceBytes, file.sizeBytes - position));
        await file.readInto(piece, position);
        position += piece.length;
        const lines = Buffer.concat([rest, piece]);
        const end = lines.lastIndexOf(0x0a) + 1;
        for (const line of lines.toString('utf8', 0, end).split('\n')) addLine(line, points);
        rest = lines.subarray(end);
        if (rest.length > lineLimitBytes) rest = Buffer.alloc(0);
      }
    });
  } catch (thrown) {
    const error = toReadError(path, thrown);
    if (error.code !== 'E-FILE-MISSING') throw error;
  }
  return points;
}

interface GrowingPoints {
  steps: StepPoint[];
  evaluations: EvaluationPoint[];
  diagnostics: DiagnosticsPoint[];
}

function addLine(line: string, { steps, evaluations, diagnostics }: GrowingPoints): void {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return;
  }
  if (typeof json !== 'object' || json === null) return;
  if ('s' in json) {
    const step = toStepPoint(json.s);
    if (step) pushRewinding(steps, step);
  } else if ('e' in json) {
    const parsed = evaluationPointSchema.safeParse(json.e);
    if (parsed.success) pushRewinding(evaluations, parsed.data);
  } else if ('d' in json) {
    const point = toDiagnosticsPoint(json.d);
    if (point) pushRewinding(diagnostics, point);
  }
}

/** By hand, not by schema: a long training has millions of these. */
function toStepPoint(value: unknown): StepPoint | undefined {
  if (!Array.isArray(value) || value.length !== 4 || !value.every(Number.isFinite)) return undefined;
  const [step, epoch, loss, learningRate] = value as [number, number, number, number];
  return Number.isSafeInteger(step) ? { step, epoch, loss, learningRate } : undefined;
}

/** By hand as well: there may be a million rows. */
function toDiagnosticsPoint(value: unknown): DiagnosticsPoint | undefined {
  if (!Array.isArray(value) || value.length !== 3) return undefined;
  const [step, epoch, rows] = value as unknown[];
  if (!Number.isSafeInteger(step) || !Number.isFinite(epoch) || !Array.isArray(rows)) return undefined;
  const layers: LayerFigures[] = [];
  for (const row of rows as unknown[]) {
    if (!Array.isArray(row) || typeof row[0] !== 'string') return undefined;
    const layer: Partial<LayerFigures> = { name: row[0] };
    for (const [index, figure] of figureOrder.entries()) {
      const read: unknown = row[index + 1] ?? null;
      if (read !== null && !Number.isFinite(read)) return undefined;
      if (typeof read === 'number' && isShare(figure) && (read < 0 || read > 1)) return undefined;
      layer[figure] = read as number | null;
    }
    layers.push(layer as LayerFigures);
  }
  return { step: step as number, epoch: epoch as number, layers };
}

function isShare(figure: LayerFigure): boolean {
  return figure.endsWith('Share') || figure.startsWith('clipped');
}

function pushRewinding<T extends { readonly step: number }>(points: T[], point: T): void {
  while (points.length > 0 && (points[points.length - 1] as T).step >= point.step) points.pop();
  points.push(point);
}

/**
 * At most `maxPoints` (≥ 2) of `points`, in order: first and last, and of equal stretches between them the
 * lowest and the highest, so that a spike of a single step stays visible.
 */
export function decimateMinMax<T>(
  points: readonly T[],
  measure: (point: T) => number,
  maxPoints: number,
): T[] {
  if (points.length <= maxPoints) return [...points];
  const kept = new Set([0, points.length - 1]);
  const stretches = Math.floor((maxPoints - 2) / 2);
  const inner = points.length - 2;
  for (let stretch = 0; stretch < stretches; stretch++) {
    const begin = 1 + Math.floor((stretch * inner) / stretches);
    const end = 1 + Math.floor(((stretch + 1) * inner) / stretches);
    let low = begin;
    let high = begin;
    for (let i = begin; i < end; i++) {
      if (measure(points[i] as T) < measure(points[low] as T)) low = i;
      if (measure(points[i] as T) > measure(points[high] as T)) high = i;
    }
    kept.add(low).add(high);
  }
  return [...kept].sort((a, b) => a - b).map((index) => points[index] as T);
}

/** Rows (layers × points) that are sent at once at most. */
const sentRows = 60_000;

/** As decimateMinMax, with the largest share of changed codes as the measure, and fewer points of many layers. */
export function decimateDiagnostics(
  points: readonly DiagnosticsPoint[],
  maxPoints: number,
): DiagnosticsPoint[] {
  const layers = Math.max(1, points[0]?.layers.length ?? 1);
  const limit = Math.max(2, Math.min(maxPoints, Math.floor(sentRows / layers)));
  return decimateMinMax(points, largestFlipShare, limit);
}

function largestFlipShare(point: DiagnosticsPoint): number {
  return Math.max(0, ...point.layers.map((layer) => layer.flipShare ?? 0));
}
