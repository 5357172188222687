/** The export of a finished run: its trained network, packed. */
import { QatError, runOrigin } from '../contract/index.js';
import type { EngineContext } from './context.js';
import {
  describeNetwork,
  type ExportSource,
  exportBases,
  inputScale,
  type PlainTensor,
} from './export-source.js';
import { planNetwork } from './network-plan.js';
import { createStateNetwork, type NetworkState, requireGraph } from './network-state.js';
import type { OpenProject } from './open-project.js';
import { bytesOf } from './packed-file.js';
import { requireDataset } from './run-setup.js';
import { readStateFile } from './state-file.js';
import { tool } from './tool.js';

/** @throws E-RUN-UNKNOWN, E-RUN-STATE, E-PROJECT-DAMAGED */
export async function runSource(
  context: EngineContext,
  project: OpenProject,
  runId: string,
): Promise<ExportSource> {
  const record = project.runs.get(runId);
  if (record.state !== 'finished') {
    throw new QatError(
      'E-RUN-STATE',
      `Run “${record.name}” is ${record.state}; only a finished run can be exported.`,
      'Let it finish, or export another run.',
    );
  }
  const plan = planNetwork(requireGraph(project.model), project.model.shapes, record.configuration);
  const state = await readStateFile(project.runs.paths(record.id).weights, plan);
  const network = createStateNetwork(context.addon, plan, state);
  const { layers, activations } = describeNetwork(plan, context.libraries);
  const nodeOf = new Map(plan.layers.map(({ layer, node }) => [layer, node]));
  const bases = exportBases(plan.layers.map(({ layer }) => layer));
  const inputs = new Map(
    plan.layers
      .filter(({ activation }) => activation.bits !== 32)
      .map(({ layer, config }) => [bases.get(layer) ?? layer, inputScale(config, state.scales.get(layer))]),
  );
  return {
    id: record.id,
    label: record.name,
    description: {
      layers,
      activations,
      source: { name: project.model.name, sha256: project.model.sha256 },
      run: { id: record.id, name: record.name, training: record.training },
      tool,
      graph: plan.graph,
      origins: layers.map(({ base }) => ({ ...runOrigin, base })),
    },
    packed: async (layer) => network.quantizedWeight(nodeOf.get(layer.name) ?? layer.name),
    inputs,
    plain: plainTensors(state, new Set(layers.map((layer) => layer.name))),
    reference: { network, plan, dataset: requireDataset(project) },
    referenceReason: null,
    dispose: () => network.dispose(),
  };
}

function plainTensors(state: NetworkState, packed: ReadonlySet<string>): PlainTensor[] {
  return [...state.parameters]
    .filter(([name]) => !packed.has(name))
    .map(([name, { shape, values }]) => ({ name, dtype: 'F32', shape, bytes: async () => bytesOf(values) }));
}
