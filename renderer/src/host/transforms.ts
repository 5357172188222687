/** Writing a float model with folded batch norms and equalised channels, and going on with it. */
import { create } from 'zustand';
import { request } from './client.js';
import type { TransformChoice, TransformRecord } from './contract.js';
import { type HostError, isCancelled, toHostError } from './host-error.js';
import { notifySuccess } from './notices.js';
import { onProjectReplaced, openDataset, openModel, useProject } from './project-store.js';

interface TransformState {
  /** A file is being written or proven. */
  writing: boolean;
  /** The file just written from the open model. */
  latest: TransformRecord | null;
  /** Why the last one was not. */
  error: HostError | null;
}

const nothing: TransformState = { writing: false, latest: null, error: null };

export const useTransforms = create<TransformState>(() => nothing);

/** The main process asks where to. */
export async function writeTransformed(choice: TransformChoice): Promise<void> {
  if (useTransforms.getState().writing) return;
  useTransforms.setState({ writing: true, error: null });
  try {
    const { record } = await request('model.writeTransformed', { choice, path: null });
    if (!record) return;
    useTransforms.setState({ latest: record });
    notifySuccess('Written and proven', record.path);
  } catch (thrown) {
    // Said in the dialog, where its result would be.
    if (!isCancelled(thrown))
      useTransforms.setState({ error: toHostError(thrown, 'model.writeTransformed') });
  } finally {
    useTransforms.setState({ writing: false });
  }
}

export function forgetTransformed(): void {
  useTransforms.setState({ latest: null, error: null });
}

/** What was written belongs to the model it was made from; returns the way to stop. */
export function followTransforms(): () => void {
  return onProjectReplaced(forgetTransformed);
}

/** Opens the new model, with the data set of the one it was made from: its inputs are the same. */
export async function openTransformed({ path }: TransformRecord): Promise<boolean> {
  const dataset = useProject.getState().project?.dataset ?? null;
  if (!(await openModel(path))) return false;
  const opened = useProject.getState().project;
  if (dataset && opened && !opened.dataset) await openDataset(dataset.path);
  return true;
}
