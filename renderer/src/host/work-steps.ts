/** What commands make of layers, as steps of the journal. */
import { addStep, type Results } from './configuration-store.js';
import type { LayerInfo, ProjectState } from './contract.js';
import { targetName } from './layer-edits.js';
import { refreshProject, useProject } from './project-store.js';

/**
 * Runs `work`, which makes or gives up results of the named layers: one undo step, called by `verb`. Cancelled or
 * failed, it is of the layers that were done. No step when no layer has another result than before.
 */
export async function asStep(
  verb: string,
  names: readonly string[],
  work: () => Promise<boolean>,
): Promise<boolean> {
  const { project: before } = useProject.getState();
  const isDone = await work();
  if (!isDone) await refreshProject();
  const { project: after } = useProject.getState();
  if (before && after && before.id === after.id) addWork(verb, names, before, after);
  return isDone;
}

const resultOf = (layer: LayerInfo | undefined) => layer?.result ?? null;

function addWork(verb: string, names: readonly string[], from: ProjectState, to: ProjectState): void {
  const [old, now] = [from, to].map(({ model }) => new Map(model.layers.map((layer) => [layer.name, layer])));
  const [before, after]: [Results, Results] = [{}, {}];
  for (const name of names) {
    // Under another quantizer it has another result anyway: that was another step.
    const isSet = (project: ProjectState) => JSON.stringify(project.configuration[name]?.weight);
    const [was, is] = [resultOf(old?.get(name)), resultOf(now?.get(name))];
    if (was === is || isSet(from) !== isSet(to)) continue;
    before[name] = was;
    after[name] = is;
  }
  const changed = Object.keys(after);
  if (changed.length === 0) return;
  addStep({ kind: 'work', label: `${verb} ${targetName(changed)}`, before, after });
}
