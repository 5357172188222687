/** Inputs of a layer from a file: what its header promises, and the values. */
import { extname } from 'node:path';
import { type InputsFile, inputWidth, QatError } from '../contract/index.js';
import { openNpyMatrix, openSafetensors, quoteName, readFloat32 } from '../formats/index.js';
import { inPieces } from './in-pieces.js';
import { inputsOf, type LayerInputs, refuseTooMany } from './layer-inputs.js';
import type { ModelLayer } from './model.js';

/** With fewer, a rounding or a training fits the samples' accidents. */
export const fewestSamples = 8;

/** A matrix whose header was read. */
interface OpenMatrix {
  rows: number;
  cols: number;
  read(options: { signal?: AbortSignal | undefined }): Promise<Float32Array>;
}

/** Reads the header alone. @throws E-DATASET-MISMATCH, E-REQUEST-INVALID, E-FILE-*, E-SAFETENSORS-* */
export async function checkInputsHeader(
  path: string,
  layers: readonly ModelLayer[],
  signal?: AbortSignal,
): Promise<OpenMatrix> {
  const matrix = await openMatrix(path, signal);
  const { rows, cols } = matrix;
  for (const layer of layers) {
    if (cols !== inputWidth(layer)) throw otherWidth(path, cols, layer);
  }
  if (rows < fewestSamples) {
    throw new QatError(
      'E-DATASET-MISMATCH',
      `${path} holds ${rows} sample${rows === 1 ? '' : 's'}, fewer than ${fewestSamples}.`,
      'Save more inputs, one row for each sample: a few hundred at least.',
    );
  }
  refuseTooMany(rows, cols);
  return matrix;
}

function otherWidth(path: string, width: number, layer: ModelLayer): QatError {
  const { groups } = layer.input;
  const wanted = inputWidth(layer);
  const shares = groups === 1 ? '' : ` (${layer.cols} for each of its ${groups} groups)`;
  return new QatError(
    'E-DATASET-MISMATCH',
    `${path} has ${width} values per sample, layer ${layer.name} takes ${wanted}${shares}.`,
    `Choose a file of [samples, ${wanted}] for it, or other inputs.`,
  );
}

/** Everything that can be wrong with the file. @throws as `checkInputsHeader`, E-FILE-UNREADABLE, E-CANCELLED */
export async function checkInputsFile(
  path: string,
  layers: readonly ModelLayer[],
  signal?: AbortSignal,
): Promise<InputsFile> {
  const matrix = await checkInputsHeader(path, layers, signal);
  await readFinite(path, matrix, signal);
  return { path, samples: matrix.rows, width: matrix.cols };
}

/** @throws as `checkInputsFile` */
export async function readInputs(
  layer: ModelLayer,
  path: string,
  signal?: AbortSignal,
): Promise<LayerInputs> {
  const matrix = await checkInputsHeader(path, [layer], signal);
  return inputsOf('file', layer, await readFinite(path, matrix, signal));
}

async function readFinite(path: string, matrix: OpenMatrix, signal?: AbortSignal): Promise<Float32Array> {
  const values = await matrix.read({ signal });
  await inPieces(values.length, signal, (begin, end) => {
    for (let at = begin; at < end; at += 1) {
      if (!Number.isFinite(values[at])) throw notFinite(path, at, matrix.cols);
    }
  });
  return values;
}

function notFinite(path: string, element: number, cols: number): QatError {
  return new QatError(
    'E-FILE-UNREADABLE',
    `${path} holds a value that is not finite: sample ${Math.floor(element / cols)}, value ${element % cols}.`,
    'Save inputs without NaN and infinity.',
  );
}

async function openMatrix(path: string, signal?: AbortSignal): Promise<OpenMatrix> {
  if (extname(path).toLowerCase() === '.npy') return openNpyMatrix(path);
  const file = await openSafetensors(path, { signal });
  const [first, ...more] = [...file.tensors].filter(([, { shape }]) => shape.length === 2);
  if (!first || more.length > 0) {
    throw new QatError(
      'E-SAFETENSORS-SHAPE',
      `${path} holds ${more.length + (first ? 1 : 0)} matrices, not the one that would be the layer’s inputs.`,
      'Save a file with one tensor [samples, inputs].',
    );
  }
  const [name, { shape, dtype }] = first;
  if (!['F32', 'F16', 'BF16'].includes(dtype)) {
    throw new QatError(
      'E-SAFETENSORS-DTYPE',
      `${path}: tensor ${quoteName(name)} has dtype ${dtype}, inputs are floats of at most 32 bits.`,
      'Convert it to float32 and save the file again.',
    );
  }
  const [rows = 0, cols = 0] = shape;
  if (rows === 0 || cols === 0) {
    throw new QatError(
      'E-SAFETENSORS-SHAPE',
      `${path}: tensor ${quoteName(name)} is empty.`,
      'Save at least one sample.',
    );
  }
  return { rows, cols, read: (options) => readFloat32(file, name, options) };
}
