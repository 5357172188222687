/** The columns of the run comparison: results, differences to the pinned run, settings. */
import { clsx } from 'clsx';
import { Pin } from 'lucide-react';
import { formatDelta } from '../../charts/index.js';
import { optimizerTable, type RunResult, type RunSummary } from '../../host/contract.js';
import {
  accuracyChange,
  configurationLabel,
  runState,
  scheduleText,
  toggleRun,
  usedBeta2,
} from '../../host/index.js';
import { Checkbox, type DataColumn, formatBytes, formatShare, IconButton, StateDot } from '../../ui/index.js';
import { pinRun } from './compare-store.js';

export type RunColumn = DataColumn<RunSummary>;

export const dash = '–';

/** A figure of the finished run; null before that. */
function ofResult(read: (result: RunResult) => number): (run: RunSummary) => number | null {
  return (run) => (run.result ? read(run.result) : null);
}

function figure(
  column: Omit<RunColumn, 'cell' | 'value'> & { value: (run: RunSummary) => number | null },
  format: (value: number) => string,
): RunColumn {
  return {
    ...column,
    cell: (run) => {
      const value = column.value(run);
      return value === null ? dash : format(value);
    },
  };
}

const accuracy = (value: number) => formatShare(value, 2);
const after = ofResult((result) => result.accuracyAfter);
const packed = ofResult((result) => result.packedBytes);
const effective = ofResult((result) => result.effectiveBits);

/** How many times smaller than float. */
export const compression = ofResult((result) => result.floatBytes / Math.max(1, result.packedBytes));

export const resultColumns: readonly RunColumn[] = [
  { id: 'bits', header: 'bits', value: (run) => configurationLabel(run.configuration), align: 'left' },
  figure(
    {
      id: 'before',
      header: 'before',
      title: 'Test accuracy quantized, before training',
      value: ofResult((result) => result.accuracyBefore),
      firstSort: 'descending',
    },
    accuracy,
  ),
  figure(
    {
      id: 'after',
      header: 'after',
      title: 'Test accuracy quantized, after training',
      value: after,
      firstSort: 'descending',
    },
    accuracy,
  ),
  figure(
    {
      id: 'change',
      header: 'Δ float',
      title: 'Accuracy after training minus float, in percentage points',
      value: accuracyChange,
      firstSort: 'descending',
    },
    (value) => formatDelta(value, 2),
  ),
  figure(
    {
      id: 'effective',
      header: 'bits/wt',
      title: 'Stored bits per weight: codes, scales, zero points and padding',
      value: effective,
    },
    (value) => value.toFixed(2),
  ),
  figure(
    { id: 'packed', header: 'packed', title: 'Bytes of the packed weights', value: packed },
    formatBytes,
  ),
  figure(
    {
      id: 'compression',
      header: 'smaller',
      title: 'Float bytes divided by packed bytes',
      value: compression,
      firstSort: 'descending',
    },
    (value) => `${value.toFixed(1)}×`,
  ),
  figure(
    {
      id: 'float',
      header: 'float',
      title: 'Test accuracy of the float model',
      roomy: true,
      value: ofResult((result) => result.floatAccuracy),
      firstSort: 'descending',
    },
    accuracy,
  ),
  figure(
    {
      id: 'seconds',
      header: 'time',
      title: 'Seconds of training',
      roomy: true,
      value: ofResult((result) => result.seconds),
    },
    (value) => `${value.toFixed(1)} s`,
  ),
  { id: 'state', header: 'state', value: (run) => runState(run).word, align: 'left', roomy: true },
];

/** Differences to the pinned run; none for that run itself. */
export function deltaColumns(baseline: RunSummary): RunColumn[] {
  const difference = (read: (run: RunSummary) => number | null, factor = 1) => {
    const base = read(baseline);
    return (run: RunSummary) => {
      const value = read(run);
      return run.id === baseline.id || base === null || value === null ? null : (value - base) * factor;
    };
  };
  return [
    figure(
      {
        id: 'delta-after',
        header: 'Δ after',
        title: `Accuracy after training minus that of ${baseline.name}, in percentage points`,
        value: difference(after, 100),
        firstSort: 'descending',
      },
      (value) => formatDelta(value, 2),
    ),
    figure(
      {
        id: 'delta-effective',
        header: 'Δ bits/wt',
        title: `Stored bits per weight minus those of ${baseline.name}`,
        value: difference(effective),
      },
      (value) => formatDelta(value, 2),
    ),
    figure(
      {
        id: 'delta-packed',
        header: 'Δ packed',
        title: `Packed bytes minus those of ${baseline.name}`,
        value: difference(packed),
      },
      (value) => `${value > 0 ? '+' : value < 0 ? '−' : ''}${formatBytes(Math.abs(value))}`,
    ),
  ];
}

/** Settings of the training and of each layer: shown where they differ. */
export function settingColumns(layers: readonly string[]): RunColumn[] {
  const text = (id: string, header: string, value: RunColumn['value']): RunColumn => ({ id, header, value });
  return [
    text('optimizer', 'optimizer', (run) => optimizerTable[run.training.optimizer].label),
    text('rate', 'learning rate', (run) => run.training.learningRate),
    text('schedule', 'schedule', (run) => scheduleText(run.training)),
    text('decay', 'weight decay', (run) => run.training.weightDecay),
    text('beta2', 'β₂', (run) => usedBeta2(run.training)),
    text('momentum', 'momentum', ({ training }) => {
      if (training.optimizer !== 'sgd') return null;
      return training.nesterov ? `${training.momentum} Nesterov` : training.momentum;
    }),
    text('epochs', 'epochs', (run) => run.training.epochs),
    text('batch', 'batch', (run) => run.training.batchSize),
    text('warm-up', 'warm-up', (run) => run.training.warmupEpochs),
    text('clip', 'gradient clip', (run) => run.training.gradientClip),
    text('scale-rate', 'scale rate', (run) => run.training.scaleRate),
    text('loss', 'loss by', ({ training }) =>
      training.loss === 'distillation'
        ? `distillation T ${training.temperature} · ${training.teacherShare}`
        : training.loss === 'mse'
          ? 'squared error'
          : 'cross-entropy',
    ),
    text('smoothing', 'label smoothing', (run) => run.training.labelSmoothing),
    text('gradient-bits', 'gradient bits', (run) => run.training.gradientBits ?? 'float'),
    text('dampening', 'dampening', (run) => run.training.dampening),
    text('freezing', 'freezing above', ({ training: { freezeThreshold, freezeThresholdEnd } }) =>
      freezeThreshold === 0 ? 'never' : `${freezeThreshold} → ${freezeThresholdEnd ?? freezeThreshold}`,
    ),
    text('quantize-from', 'quantized from epoch', (run) => run.training.quantizeFromEpoch),
    text('freeze-norm', 'norm frozen from epoch', (run) => run.training.freezeNormFromEpoch ?? 'never'),
    text('seed', 'seed', (run) => run.training.seed),
    ...layers.map((layer) => text(`layer ${layer}`, layer, (run) => layerWords(run, layer))),
  ];
}

/** `W4A4 signed channel mse lsq`: all that distinguishes a layer's quantizers. */
export function layerWords(run: RunSummary, layer: string): string {
  const config = run.configuration[layer];
  if (!config) return dash;
  const { weight, activation } = config;
  if (weight.bits === 32 && activation.bits === 32) return 'float';
  const group = weight.granularity === 'group' ? `group ${weight.groupSize}` : weight.granularity;
  return [`W${weight.bits}A${activation.bits}`, weight.grid, group, weight.range, weight.method].join(' ');
}

/** The columns whose values are not the same in every row. */
export function differing(columns: readonly RunColumn[], rows: readonly RunSummary[]): RunColumn[] {
  return columns.filter((column) => new Set(rows.map((row) => column.value(row))).size > 1);
}

/** Pick, pin and name: always there. */
export function leadingColumns(picked: ReadonlySet<string>, baseline: string | null): RunColumn[] {
  return [
    {
      id: 'picked',
      header: '',
      value: (run) => (picked.has(run.id) ? 'yes' : 'no'),
      cell: (run) => (
        <span className="flex items-center gap-1">
          <Checkbox
            label={`Compare ${run.name}`}
            hideLabel
            checked={picked.has(run.id)}
            onChange={() => toggleRun(run.id)}
          />
          <IconButton
            size="sm"
            label={run.id === baseline ? `Unpin ${run.name}` : `Measure the others against ${run.name}`}
            aria-pressed={run.id === baseline}
            icon={<Pin aria-hidden className={clsx('size-3', run.id === baseline && 'fill-current')} />}
            className={clsx('!h-5 !w-5', run.id === baseline && '!text-accent')}
            blocked={run.result ? null : `${run.name} has no result yet`}
            onClick={() => pinRun(run.id)}
          />
        </span>
      ),
      align: 'left',
      unsortable: true,
    },
    {
      id: 'name',
      header: 'run',
      value: (run) => run.name,
      cell: (run) => {
        const { word, tone } = runState(run);
        return (
          <span className="flex min-w-0 items-center gap-2" title={run.name}>
            <StateDot tone={tone} label={word} />
            <span className="truncate">{run.name}</span>
          </span>
        );
      },
      align: 'left',
      wide: true,
    },
  ];
}
