/**
 * A run's weights on disk: a safetensors file with the float parameters under the model's tensor names
 * (so it opens as a model, graph included) and the trained scales beside them.
 */
import type { NativeScales } from '../../native/index.js';
import { type Graph, QatError } from '../contract/index.js';
import {
  openSafetensors,
  readFloat32,
  type SafetensorsFile,
  type SafetensorsSource,
  type WrittenFile,
  writeSafetensors,
} from '../formats/index.js';
import { graphMetadataKey } from './graph.js';
import type { NetworkPlan } from './network-plan.js';
import { isQuantized, type NetworkState } from './network-state.js';
import { readScales, scaleSources } from './scale-arrays.js';

/** Rank 1, so that they are never taken for layers when the file is opened as a model. */
const suffixes = { scales: '/', activation: '/input_scale', shift: '/input_shift' } as const;

/** Writes atomically. @throws E-DISK-* */
export function writeStateFile(path: string, state: NetworkState, graph: Graph): Promise<WrittenFile> {
  const sources: SafetensorsSource[] = [];
  for (const [name, { shape, values }] of state.parameters) {
    sources.push({ name, dtype: 'F32', shape, data: values });
  }
  for (const [layer, scales] of state.scales) {
    const { activationScale, activationShift } = scales;
    sources.push(...scaleSources(scales, layer + suffixes.scales));
    const data = Float32Array.of(activationScale);
    sources.push({ name: layer + suffixes.activation, dtype: 'F32', shape: [1], data });
    if (activationShift !== 0) {
      const shift = Float32Array.of(activationShift);
      sources.push({ name: layer + suffixes.shift, dtype: 'F32', shape: [1], data: shift });
    }
  }
  return writeSafetensors(path, sources, { metadata: [[graphMetadataKey, JSON.stringify(graph)]] });
}

/** The weight scales of one layer. @throws E-FILE-* */
export function readLayerScales(file: SafetensorsFile, layer: string): Promise<NativeScales> {
  return readScales(file, layer + suffixes.scales);
}

/** Everything `writeStateFile` wrote, as the plan needs it. @throws E-PROJECT-DAMAGED, E-FILE-* */
export async function readStateFile(path: string, plan: NetworkPlan): Promise<NetworkState> {
  const file = await openSafetensors(path);
  const state: NetworkState = { parameters: new Map(), scales: new Map() };
  for (const { tensor, shape } of plan.parameters) {
    const stored = file.tensors.get(tensor);
    if (!stored || stored.shape.join() !== shape.join()) {
      throw new QatError(
        'E-PROJECT-DAMAGED',
        `${path} lacks ${tensor} of shape [${shape.join(', ')}].`,
        'Delete the run and train it again.',
      );
    }
    state.parameters.set(tensor, { shape, values: await readFloat32(file, tensor) });
  }
  for (const layer of plan.layers) {
    if (!isQuantized(layer)) continue;
    const [activationScale = 0] = await readFloat32(file, layer.layer + suffixes.activation);
    const shift = layer.layer + suffixes.shift;
    const [activationShift = 0] = file.tensors.has(shift) ? await readFloat32(file, shift) : [];
    const scales = await readLayerScales(file, layer.layer);
    state.scales.set(layer.layer, { ...scales, activationScale, activationShift });
  }
  return state;
}
