/**
 * `npm run make-sample`: makes `assets/sample` from the full Fashion-MNIST set: the subset as gzipped IDX,
 * and the float model trained on it. Running it twice gives the same bytes.
 *
 *   tsx electron/cli/make-sample.ts [--source <IDX folder>] [--out <folder>]
 */
import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { toErrorInfo } from '../contract/index.js';
import { defaultAddonPath, loadNative, type NativeAddon } from '../engine/index.js';
import {
  hashFile,
  type IdxDataset,
  type IdxSplit,
  writeIdxImages,
  writeIdxLabels,
  writeSafetensors,
} from '../formats/index.js';
import { fashionMnistClasses as classes, fashionMnistFolder, openFashionMnist } from './fashion-mnist.js';
import { firstPerClass, pixelStatistics } from './sample-set.js';
import { sampleGraph, sampleTraining, trainSample } from './train-sample.js';

const appRoot = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
const imagesPerClass = { train: 1200, test: 200 };
/** Part of what makes the result reproducible, whatever machine this runs on. */
const threads = 2;
const kernelLevel = 'avx2';

async function writeSplit(
  folder: string,
  prefix: string,
  split: IdxSplit,
  full: IdxDataset,
): Promise<string[]> {
  const images = join(folder, `${prefix}-images-idx3-ubyte.gz`);
  const labels = join(folder, `${prefix}-labels-idx1-ubyte.gz`);
  const { height, width } = full;
  await writeIdxImages(images, { count: split.count, height, width, pixels: split.pixels });
  await writeIdxLabels(labels, { count: split.count, labels: split.labels });
  return [images, labels];
}

async function writeModel(addon: NativeAddon, path: string, train: IdxSplit, test: IdxSplit): Promise<void> {
  // Seven digits: the graph states the values it uses, and JSON prints them alike everywhere.
  const round = (value: number) => Number(value.toPrecision(7));
  const { mean, std } = pixelStatistics(train.pixels);
  const input = { mean: round(mean), std: round(std) };
  const dataset = (split: IdxSplit) =>
    addon.createDatasetFromBytes(
      split.pixels,
      split.labels,
      { count: split.count, features: 784, classes },
      input,
    );
  const trained = await trainSample(addon, dataset(train), dataset(test));
  const percent = (trained.testAccuracy * 100).toFixed(2);
  console.log(
    `Float accuracy on ${test.count} test images: ${percent} % (loss ${trained.testLoss.toFixed(4)})`,
  );
  await writeSafetensors(path, trained.tensors, {
    metadata: [
      ['qat.graph', JSON.stringify(sampleGraph(input))],
      ['qat.training', JSON.stringify({ ...sampleTraining, threads, kernels: addon.info().isa })],
      ['license', 'Apache-2.0; trained on Fashion-MNIST (MIT, Zalando SE)'],
    ],
  });
}

async function makeSample(source: string, out: string): Promise<void> {
  process.env.QAT_ISA ??= kernelLevel;
  const addon = loadNative(defaultAddonPath(appRoot));
  addon.setThreads(threads);
  const full = await openFashionMnist(source);
  const train = firstPerClass(full.train, full.features, classes, imagesPerClass.train);
  const test = firstPerClass(full.test, full.features, classes, imagesPerClass.test);
  const folder = join(out, 'fashion-mnist');
  await mkdir(folder, { recursive: true });
  const model = join(out, 'fashion-mlp.safetensors');
  const files = [
    ...(await writeSplit(folder, 'train', train, full)),
    ...(await writeSplit(folder, 't10k', test, full)),
  ];
  await writeModel(addon, model, train, test);
  for (const path of [...files, model]) {
    const { sha256, sizeBytes } = await hashFile(path);
    console.log(`${sha256}  ${sizeBytes.toString().padStart(8)} bytes  ${path}`);
  }
}

const { values } = parseArgs({ options: { source: { type: 'string' }, out: { type: 'string' } } });
try {
  await makeSample(
    resolve(values.source ?? fashionMnistFolder),
    resolve(values.out ?? join(appRoot, 'assets/sample')),
  );
} catch (thrown) {
  const { code, message, remedy } = toErrorInfo(thrown);
  console.error(`${code}: ${message}\n${remedy}`);
  process.exitCode = 1;
}
