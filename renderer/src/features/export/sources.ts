/** What can be exported: the project's layers as they are, or a finished run. */
import {
  bitsLabel,
  type Configuration,
  originOf,
  type ProjectState,
  packedBytes,
  runOrigin,
} from '../../host/contract.js';
import { originText } from './origin-words.js';

/** The value of the current layers in the source list; runs are named by their id. */
export const currentSource = 'model';

export interface SourceOption {
  value: string;
  label: string;
  hint: string;
  blocked: string | null;
}

/** `W4A4`, or `mixed bits`. */
export function configurationLabel(configuration: Configuration): string {
  const labels = new Set(Object.values(configuration).map(bitsLabel));
  const [only] = labels;
  return labels.size === 1 && only ? only : 'mixed bits';
}

export function sourceOptions(project: ProjectState): SourceOption[] {
  const runs = [...project.runs].reverse().map((run) => ({
    value: run.id,
    label: run.name,
    hint: run.result
      ? `${configurationLabel(run.configuration)} · accuracy ${(run.result.accuracyAfter * 100).toFixed(1)} %`
      : configurationLabel(run.configuration),
    blocked: run.state === 'finished' ? null : `${run.state}: only a finished run can be exported`,
  }));
  return [
    { value: currentSource, label: 'Current layers', hint: 'as quantized, without training', blocked: null },
    ...runs,
  ];
}

/**
 * The newest finished run; the current layers where there is none, and where all were quantized with other settings
 * since: who quantizes and then exports means those.
 */
export function likelySource(project: ProjectState, configuration: Configuration): string {
  const run = project.runs.findLast(({ state }) => state === 'finished');
  if (!run) return currentSource;
  const changed = Object.keys(run.configuration).some(
    (layer) => JSON.stringify(run.configuration[layer]) !== JSON.stringify(configuration[layer]),
  );
  const ready = layerLines(project, configuration, currentSource).every((line) => line.ready);
  return changed && ready ? currentSource : run.id;
}

export interface LayerLine {
  name: string;
  shape: readonly number[];
  bits: number;
  label: string;
  /** How its codes come about; empty where there are none. */
  origin: string;
  effectiveBits: number;
  bytes: number;
  ready: boolean;
}

/** The layers of a source as they will be written. */
export function layerLines(project: ProjectState, configuration: Configuration, source: string): LayerLine[] {
  const run = project.runs.find((candidate) => candidate.id === source);
  const configs = run?.configuration ?? configuration;
  return project.model.layers.flatMap(({ name, shape, rows, cols, state, outcome = null }) => {
    const config = configs[name];
    if (!config) return [];
    const bytes = packedBytes(config.weight, rows, cols);
    return [
      {
        name,
        shape,
        bits: config.weight.bits,
        label: bitsLabel(config),
        origin: config.weight.bits === 32 ? '' : originText(run ? runOrigin : originOf(outcome)),
        effectiveBits: (bytes * 8) / (rows * cols),
        bytes,
        ready: run !== undefined || config.weight.bits === 32 || state === 'quantized',
      },
    ];
  });
}
