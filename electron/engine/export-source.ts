/**
 * What an export is made from: packed weights asked for layer by layer (never all in memory at once),
 * plain tensors, the description, and the network whose logits the file must reproduce.
 */
import type { LayerScales, NativeActivationQuantizer, Network, QuantizedWeight } from '../../native/index.js';
import { type Configuration, codeRange, type LayerConfig, methodTable } from '../contract/index.js';
import type { SafetensorsDtype } from '../formats/index.js';
import type { OpenDataset } from './dataset.js';
import { baseName, graphLayers } from './graph.js';
import type { NetworkPlan } from './network-plan.js';
import type { PackedActivation, PackedDescription, PackedLayer } from './packed-format.js';
import type { QuantizerLibraries } from './quantizer-libraries.js';

/** A tensor stored as it is: biases, norms, float layers (F32), and what is no float (its own type). */
export interface PlainTensor {
  name: string;
  dtype: SafetensorsDtype;
  shape: readonly number[];
  bytes: () => Promise<Uint8Array>;
}

/** The network that was trained (or calibrated), and the images its logits are compared on. */
export interface LogitReference {
  network: Network;
  plan: NetworkPlan;
  dataset: OpenDataset;
}

export interface InputScale {
  scale: number;
  shift: number | null;
}

/** Of a network's layer whose input is quantized. */
export function inputScale(config: LayerConfig, scales: LayerScales | undefined): InputScale {
  const { activationScale: scale, activationShift } = scales ?? { activationScale: 0, activationShift: 0 };
  return { scale, shift: config.activation.method === 'lsqPlus' ? activationShift : null };
}

export interface ExportSource {
  /** `model` or the run's id. */
  id: string;
  label: string;
  description: PackedDescription;
  packed: (layer: PackedLayer) => Promise<QuantizedWeight>;
  /** Base name → scale of the layer's input quantizer, and its shift; null where its method has none. */
  inputs: ReadonlyMap<string, InputScale>;
  plain: PlainTensor[];
  reference: LogitReference | null;
  /** Why there is no reference, when there is none. */
  referenceReason: string | null;
  dispose: () => void;
}

export interface NamedLayer {
  layer: string;
  shape: number[];
  config: LayerConfig;
}

/** Unique name parts: `fc1.weight` → `fc1`, or the whole name where two would be alike. */
export function exportBases(layers: readonly string[]): Map<string, string> {
  const uses = new Map<string, number>();
  for (const layer of layers) uses.set(baseName(layer), (uses.get(baseName(layer)) ?? 0) + 1);
  return new Map(layers.map((layer) => [layer, uses.get(baseName(layer)) === 1 ? baseName(layer) : layer]));
}

export function describeLayer(named: NamedLayer, base: string, libraries: QuantizerLibraries): PackedLayer {
  const { bits, grid, granularity, groupSize, method } = named.config.weight;
  const library = libraries.exported(named.config.weight);
  return {
    name: named.layer,
    base,
    shape: named.shape,
    bits,
    grid,
    ...codeRange(grid, bits),
    granularity,
    groupSize,
    method,
    ...(library && { library }),
  };
}

export function describeActivation(base: string, quantizer: NativeActivationQuantizer): PackedActivation {
  const { bits, grid, method } = quantizer;
  if (grid === 'unsigned') return { base, bits, grid, ...codeRange('unsigned', bits), method };
  if (bits === 1) return { base, bits, grid: 'binary', ...codeRange('binary', bits), method };
  return { base, bits, grid, ...codeRange('signed', bits), method };
}

/** Layers and input quantizers of a network as the file describes them. */
export function describeNetwork(
  plan: NetworkPlan,
  libraries: QuantizerLibraries,
): Pick<PackedDescription, 'layers' | 'activations'> {
  const bases = exportBases(plan.layers.map((layer) => layer.layer));
  const layers: PackedLayer[] = [];
  const activations: PackedActivation[] = [];
  for (const { layer, shape, config, activation } of plan.layers) {
    const base = bases.get(layer) ?? layer;
    if (config.weight.bits !== 32) layers.push(describeLayer({ layer, shape, config }, base, libraries));
    if (activation.bits !== 32) activations.push(describeActivation(base, activation));
  }
  return { layers, activations };
}

/** The configuration under which a network built from the file computes the same. */
export function configurationOf(description: PackedDescription): Configuration {
  const bases = description.graph ? exportBases(graphLayers(description.graph)) : new Map<string, string>();
  const configuration: Configuration = {};
  for (const [layer, base] of bases) {
    const weight = description.layers.find((candidate) => candidate.name === layer);
    const activation = description.activations.find((candidate) => candidate.base === base);
    configuration[layer] = {
      weight: {
        bits: (weight?.bits ?? 32) as LayerConfig['weight']['bits'],
        grid: weight?.grid ?? 'signed',
        granularity: weight?.granularity ?? 'channel',
        groupSize: weight?.groupSize ?? 64,
        range: methodTable[weight?.method ?? 'ste'].range ?? 'absmax',
        method: weight?.method ?? 'ste',
      },
      activation: {
        bits: (activation?.bits ?? 32) as LayerConfig['activation']['bits'],
        grid: activation?.grid === 'unsigned' ? 'unsigned' : 'signed',
        range: 'absmax',
        method: activation?.method ?? 'ste',
      },
    };
  }
  return configuration;
}
