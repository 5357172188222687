/**
 * The export of the model as its layers are quantized in the project, without training. Layers that are
 * not quantized stay float32. Where the model has a graph and a data set, input scales are calibrated as
 * a run's are, and logits can be compared; else inputs stay float and there is nothing to compare.
 */
import type { LayerScales, Network } from '../../native/index.js';
import {
  type Configuration,
  type LayerConfig,
  type LayerOutcome,
  originOf,
  QatError,
} from '../contract/index.js';
import { readTensorBytes } from '../formats/index.js';
import type { EngineContext } from './context.js';
import {
  describeLayer,
  describeNetwork,
  type ExportSource,
  exportBases,
  type InputScale,
  inputScale,
  type LogitReference,
  type PlainTensor,
} from './export-source.js';
import { biasOf, graphLayers } from './graph.js';
import { withoutInputShift } from './input-shifts.js';
import type { KeptRecord, TrainedInput } from './layer-states.js';
import { codesDigest, packKept, packLayer, prepareLayer } from './layer-work.js';
import type { Model } from './model.js';
import { type NetworkPlan, planNetwork } from './network-plan.js';
import type { FloatTensors } from './network-state.js';
import type { OpenProject } from './open-project.js';
import { bytesOf } from './packed-file.js';
import type { PackedActivation, PackedLayer } from './packed-format.js';
import { activationText, chosenCodes } from './quantizers.js';
import { createPreparedNetwork } from './run-setup.js';
import { scalesOf } from './scale-arrays.js';
import { tool } from './tool.js';

/** @throws E-LAYER-STATE when no layer is quantized, E-CANCELLED */
export async function modelSource(
  context: EngineContext,
  project: OpenProject,
  signal?: AbortSignal,
): Promise<ExportSource> {
  const quantized = project.model.content.layers.filter(
    (layer) => project.layerStates.stateOf(layer.name) === 'quantized',
  );
  if (quantized.length === 0) {
    throw new QatError(
      'E-LAYER-STATE',
      'No layer of the model is quantized, so there is nothing to export.',
      'Select layers and press Quantize, or export a finished run.',
    );
  }
  const { model } = project;
  const frozen = await freezeLayers(
    project,
    quantized.map((layer) => layer.name),
  );
  const bases = exportBases(model.content.layers.map((layer) => layer.name));
  const layers = [...frozen].map(([name, { config }]) =>
    describeLayer(
      { layer: name, shape: model.layer(name).shape, config },
      bases.get(name) ?? name,
      context.libraries,
    ),
  );
  const weights = quantizedWeights(context, project, frozen);
  const calibrated = await calibrate(context, project, frozen, weights, signal);
  return {
    id: 'model',
    label: model.name,
    description: {
      layers,
      activations: calibrated?.activations ?? [],
      source: { name: model.name, sha256: model.sha256 },
      run: null,
      tool,
      graph: model.content.graph,
      origins: layers.map(({ name, base }) => ({ ...originOf(frozen.get(name)?.outcome ?? null), base })),
    },
    packed: (layer) => packAgain(context, project, layer, frozen, signal),
    inputs: calibrated?.inputs ?? new Map(),
    plain: plainTensors(model, new Set(layers.map((layer) => layer.name)), weights),
    reference: calibrated?.reference ?? null,
    referenceReason: calibrated ? null : noReference(project),
    dispose: () => calibrated?.reference.network.dispose(),
  };
}

function noReference(project: OpenProject): string {
  return project.trainingReason ?? 'No quantized layer is part of the network.';
}

/** Quantizer and result of each exported layer as the export began: changing them meanwhile changes no file. */
interface FrozenLayer {
  config: LayerConfig;
  record: KeptRecord | null;
  outcome: LayerOutcome | null;
}
type FrozenLayers = ReadonlyMap<string, FrozenLayer>;

async function freezeLayers(project: OpenProject, names: readonly string[]): Promise<FrozenLayers> {
  const { layerStates } = project;
  // All at once, before anything is waited for; the scales one by one, for they are many small files.
  const now = names.map((name) => ({
    name,
    config: project.configOf(name),
    result: layerStates.resultOf(name),
  }));
  const frozen = new Map<string, FrozenLayer>();
  for (const { name, config, result } of now) {
    const record = result && (await layerStates.record(name, result));
    const outcome = result?.outcome ?? null;
    if (!record && outcome) throw lostWeight(name);
    frozen.set(name, { config, record, outcome });
  }
  return frozen;
}

/** Scales follow from the model's weight and can be made again; a weight of the layer's own cannot. */
function lostWeight(layer: string): QatError {
  return new QatError(
    'E-LAYER-STATE',
    `The weight that was made for ${layer} is missing in the project’s folder, or damaged.`,
    'Quantize or train the layer again, or reset it.',
  );
}

/** The packed weight made again from weights and scales; it must be what *Quantize* made. */
async function packAgain(
  context: EngineContext,
  project: OpenProject,
  layer: PackedLayer,
  frozen: FrozenLayers,
  signal?: AbortSignal,
) {
  const { config = project.configOf(layer.name), record = null } = frozen.get(layer.name) ?? {};
  const parts = {
    addon: context.addon,
    project,
    layer: project.model.layer(layer.name),
    config,
    signal,
  };
  const { weight } = record
    ? await packKept(parts, record)
    : await packLayer(parts, await prepareLayer(parts));
  if (record && codesDigest(weight.packed) !== record.codesSha256) {
    throw new QatError(
      'E-EXPORT-PROOF',
      `The codes of ${layer.name} are not those made when it was quantized.`,
      'Quantize the layer again, then export.',
    );
  }
  return weight;
}

interface Calibrated {
  activations: PackedActivation[];
  inputs: Map<string, InputScale>;
  reference: LogitReference;
}

/** The network with the quantized layers under their own scales, and calibrated input scales. */
async function calibrate(
  context: EngineContext,
  project: OpenProject,
  frozen: FrozenLayers,
  weights: FloatTensors,
  signal?: AbortSignal,
): Promise<Calibrated | null> {
  const { graph } = project.model.content;
  const { dataset } = project;
  if (!graph || !dataset) return null;
  const inGraph = graphLayers(graph).filter((layer) => frozen.has(layer));
  if (inGraph.length === 0) return null;
  const configuration: Configuration = Object.fromEntries(
    inGraph.map((layer) => {
      const { config, record } = frozen.get(layer) ?? { config: project.configOf(layer), record: null };
      const weight = record?.ownWeight ? chosenCodes(config.weight) : config.weight;
      return [layer, { weight, activation: withoutInputShift(config.activation) }];
    }),
  );
  const plan = planNetwork(graph, project.model.shapes, configuration);
  const network = await createPreparedNetwork(context, project, plan, dataset.train, signal, weights);
  const { activations } = describeNetwork(plan, context.libraries);
  const inputs = applyScales(network, plan, frozen);
  return { activations, inputs, reference: { network, plan, dataset } };
}

/** The model's tensors, but for layers that have a weight or a bias of their own. */
function quantizedWeights(
  { addon }: EngineContext,
  { model, layerStates }: OpenProject,
  frozen: FrozenLayers,
): FloatTensors {
  const biases = ownBiases(model, frozen);
  return {
    withTensor: (name, work) => {
      const owner = biases.get(name);
      if (owner) return layerStates.withBias(addon, owner, work);
      const record = frozen.get(name)?.record;
      return record?.ownWeight ? layerStates.withWeight(addon, record, work) : model.withTensor(name, work);
    },
  };
}

/** Tensors that a layer's own bias takes the place of → what was made of that layer. */
function ownBiases({ content: { graph } }: Model, frozen: FrozenLayers): Map<string, KeptRecord> {
  const owners = new Map<string, KeptRecord>();
  for (const [layer, { record }] of frozen) {
    const bias = graph && record?.ownBias ? biasOf(graph, layer) : null;
    if (bias && record) owners.set(bias, record);
  }
  return owners;
}

/** Scales of the inputs are the calibrated ones, but for layers that were trained with their own. */
function applyScales(network: Network, plan: NetworkPlan, frozen: FrozenLayers): Map<string, InputScale> {
  const bases = exportBases(plan.layers.map((layer) => layer.layer));
  const inputs = new Map<string, InputScale>();
  for (const { layer, node, config } of plan.layers) {
    const record = frozen.get(layer)?.record;
    const calibrated = withTrainedInput(network.scales(node), record?.input ?? null, config);
    const { activationScale, activationShift } = calibrated;
    if (record) network.setScales(node, { ...scalesOf(record), activationScale, activationShift });
    if (config.activation.bits !== 32) {
      inputs.set(bases.get(layer) ?? layer, inputScale(config, calibrated));
    }
  }
  return inputs;
}

function withTrainedInput(
  scales: LayerScales,
  input: TrainedInput | null,
  { activation }: LayerConfig,
): LayerScales {
  if (input?.quantizer !== activationText(activation)) return scales;
  return { ...scales, activationScale: input.scale, activationShift: input.shift };
}

/** Everything that is not packed: floats as float32, other types as they are. */
function plainTensors(model: Model, packed: ReadonlySet<string>, weights: FloatTensors): PlainTensor[] {
  const plain: PlainTensor[] = [];
  for (const [name, { dtype, shape }] of model.file.tensors) {
    if (packed.has(name)) continue;
    const count = shape.reduce((product, size) => product * size, 1);
    const isFloat = model.shapes.get(name)?.isFloat === true && count > 0;
    plain.push({
      name,
      dtype: isFloat ? 'F32' : dtype,
      shape,
      bytes: () => (isFloat ? floatBytes(weights, name, count) : readTensorBytes(model.file, name)),
    });
  }
  return plain;
}

function floatBytes(model: FloatTensors, name: string, count: number): Promise<Uint8Array> {
  return model.withTensor(name, async (tensor) => {
    const values = new Float32Array(count);
    tensor.copyTo(values);
    return bytesOf(values);
  });
}
