/** The data set of the open project: IDX files read once, held natively, normalised as the graph says. */
import type { Dataset, NativeAddon } from '../../native/index.js';
import { type DatasetInfo, type Graph, QatError } from '../contract/index.js';
import { type IdxSplit, openIdxFolder } from '../formats/index.js';

export interface OpenDataset {
  readonly info: DatasetInfo;
  readonly train: Dataset;
  readonly test: Dataset;
  dispose(): void;
}

/** Why the data set does not fit the model; null when it does. */
export function datasetMismatch(info: DatasetInfo, graph: Graph): string | null {
  if (info.features !== graph.input.features) {
    return `its images have ${info.features} pixels, the model takes ${graph.input.features} inputs`;
  }
  if (info.classes > graph.classes) {
    return `it has ${info.classes} classes, the model gives ${graph.classes}`;
  }
  return null;
}

/**
 * Reads an IDX folder for the graph: its own training and test split, labels below the graph's classes.
 * @throws E-DATASET-MISMATCH when it does not fit the graph, E-FILE-*, E-IDX-*, E-GZIP, E-CANCELLED
 */
export async function readDataset(
  addon: NativeAddon,
  folder: string,
  graph: Graph,
  signal?: AbortSignal,
): Promise<OpenDataset> {
  const idx = await openIdxFolder(folder, { signal });
  const info: DatasetInfo = {
    name: idx.name,
    path: idx.path,
    trainCount: idx.train.count,
    testCount: idx.test.count,
    features: idx.features,
    classes: idx.classes,
  };
  const mismatch = datasetMismatch(info, graph);
  if (mismatch !== null) {
    throw new QatError(
      'E-DATASET-MISMATCH',
      `${folder} does not fit the model: ${mismatch}.`,
      'Open the data set the model was trained on.',
    );
  }
  const handle = (split: IdxSplit) =>
    addon.createDatasetFromBytes(
      split.pixels,
      split.labels,
      { count: split.count, features: graph.input.features, classes: graph.classes },
      { mean: graph.input.mean, std: graph.input.std },
    );
  const train = handle(idx.train);
  const test = handle(idx.test);
  return {
    info,
    train,
    test,
    dispose() {
      train.dispose();
      test.dispose();
    },
  };
}
