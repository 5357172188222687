/**
 * Reads IDX images and labels (MNIST, Fashion-MNIST), plain or gzipped: two zero bytes, the element type,
 * the number of dimensions, big-endian sizes, then the data and nothing more.
 */
import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { QatError } from '../contract/errors.js';
import { errnoOf, toReadError } from './file-errors.js';
import { readIdxBody } from './idx-stream.js';

export interface IdxImages {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  /** count × height × width bytes, C order. */
  readonly pixels: Uint8Array;
}

export interface IdxLabels {
  readonly count: number;
  readonly labels: Uint8Array;
}

/** Images and labels of one split; counts agree. */
export interface IdxSplit {
  readonly count: number;
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array;
}

export interface IdxDataset {
  /** The folder's name. */
  readonly name: string;
  readonly path: string;
  readonly height: number;
  readonly width: number;
  /** height × width */
  readonly features: number;
  /** Every label is below this. */
  readonly classes: number;
  readonly train: IdxSplit;
  readonly test: IdxSplit;
}

export interface IdxReadOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface OpenIdxFolderOptions extends IdxReadOptions {
  /** Number of classes the labels must stay below; without it, the largest training label + 1. */
  readonly classes?: number | undefined;
}

const parts = {
  trainImages: 'train-images-idx3-ubyte',
  trainLabels: 'train-labels-idx1-ubyte',
  testImages: 't10k-images-idx3-ubyte',
  testLabels: 't10k-labels-idx1-ubyte',
} as const;
type Part = keyof typeof parts;

/** @throws E-FILE-*, E-IDX-*, E-GZIP, E-CANCELLED */
export async function readIdxImages(path: string, options: IdxReadOptions = {}): Promise<IdxImages> {
  const { sizes, data } = await readIdxBody(path, 3, options.signal);
  const [count = 0, height = 0, width = 0] = sizes;
  return { count, height, width, pixels: data };
}

/** @throws E-FILE-*, E-IDX-*, E-GZIP, E-CANCELLED */
export async function readIdxLabels(path: string, options: IdxReadOptions = {}): Promise<IdxLabels> {
  const { sizes, data } = await readIdxBody(path, 1, options.signal);
  return { count: sizes[0] ?? 0, labels: data };
}

/**
 * Where the four files of an IDX folder are; undefined for the missing ones. A file may carry `.gz`, and
 * a dot in place of the last hyphen (`train-images.idx3-ubyte`), as some copies do.
 */
export async function findIdxFiles(folder: string): Promise<Record<Part, string | undefined>> {
  const names = new Set(await listFolder(folder));
  const find = (stem: string): string | undefined => {
    const dotted = stem.replace('-idx', '.idx');
    const name = [stem, `${stem}.gz`, dotted, `${dotted}.gz`].find((candidate) => names.has(candidate));
    return name && join(folder, name);
  };
  return {
    trainImages: find(parts.trainImages),
    trainLabels: find(parts.trainLabels),
    testImages: find(parts.testImages),
    testLabels: find(parts.testLabels),
  };
}

async function listFolder(folder: string): Promise<string[]> {
  try {
    if (!(await stat(folder)).isDirectory()) throw Object.assign(new Error(), { code: 'ENOTDIR' });
    return await readdir(folder);
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOTDIR') throw toReadError(folder, thrown);
    throw new QatError(
      'E-FILE-FORMAT-UNKNOWN',
      `${folder} is not a folder, expected one with the four IDX files.`,
      'Choose the folder that holds the files.',
    );
  }
}

/**
 * Opens the four files of a folder and checks that they belong together.
 * @throws E-FILE-MISSING listing what is missing, E-DATASET-MISMATCH, and what the readers throw.
 */
export async function openIdxFolder(folder: string, options: OpenIdxFolderOptions = {}): Promise<IdxDataset> {
  const found = await findIdxFiles(folder);
  const { trainImages, trainLabels, testImages, testLabels } = found;
  if (!trainImages || !trainLabels || !testImages || !testLabels) {
    const missing = (Object.keys(parts) as Part[]).filter((part) => !found[part]).map((part) => parts[part]);
    throw new QatError(
      'E-FILE-MISSING',
      `${folder} has no ${missing.join(', no ')} (plain or .gz).`,
      `Put all four IDX files into one folder: ${Object.values(parts).join(', ')}.`,
    );
  }
  const { split: train, height, width } = await readSplit(trainImages, trainLabels, options);
  const { split: test, ...testSize } = await readSplit(testImages, testLabels, options);
  if (testSize.height !== height || testSize.width !== width) {
    throw mismatch(
      `${testImages} has images of ${testSize.height}×${testSize.width}, ${trainImages} of ${height}×${width}`,
    );
  }
  const classes = options.classes ?? largest(train.labels) + 1;
  assertLabels(trainLabels, train.labels, classes);
  assertLabels(testLabels, test.labels, classes);
  const path = resolve(folder);
  return { name: basename(path), path, height, width, features: height * width, classes, train, test };
}

async function readSplit(
  imagesPath: string,
  labelsPath: string,
  options: IdxReadOptions,
): Promise<{ split: IdxSplit; height: number; width: number }> {
  const images = await readIdxImages(imagesPath, options);
  const { count, labels } = await readIdxLabels(labelsPath, options);
  if (images.count !== count) {
    throw mismatch(`${imagesPath} has ${images.count} images, ${labelsPath} has ${count} labels`);
  }
  return { split: { count, pixels: images.pixels, labels }, height: images.height, width: images.width };
}

function largest(labels: Uint8Array): number {
  return labels.reduce((a, b) => Math.max(a, b), 0);
}

function assertLabels(path: string, labels: Uint8Array, classes: number): void {
  const index = labels.findIndex((label) => label >= classes);
  if (index < 0) return;
  throw mismatch(`${path}: label ${index} is ${labels[index]}, expected 0 to ${classes - 1}`);
}

function mismatch(what: string): QatError {
  return new QatError(
    'E-DATASET-MISMATCH',
    `${what}.`,
    'Use files of one and the same data set, and a model with as many classes.',
  );
}
