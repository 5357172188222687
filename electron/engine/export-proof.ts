/**
 * The proof: the written file is read again from disk, its codes and scales are compared with what was
 * trained, and a second network built from it must decide like the trained one.
 */
import type { NativeAddon, Network, QuantizedWeight } from '../../native/index.js';
import { type ExportRecord, type LayerConfig, type LayerOrigin, QatError } from '../contract/index.js';
import { readFloat32, readTensorBytes } from '../formats/index.js';
import { throwIfAborted } from './call-options.js';
import { configurationOf, type ExportSource, exportBases, type LogitReference } from './export-source.js';
import { withCancel } from './native-call.js';
import { type NetworkPlan, planNetwork } from './network-plan.js';
import { openPackedFile, type PackedFile, packedSources, readPackedLayer } from './packed-file.js';
import type { PackedDescription, PackedLayer } from './packed-format.js';
import { decodingArrays, decodingBytes, scalesOf } from './scale-arrays.js';

/**
 * Bounds on the difference of a logit between packed and trained arithmetic, relative to the largest
 * trained logit. Both use the same codes and differ in the order of float sums alone, so nearly every
 * image must agree to rounding. Such a difference can carry an activation across a rounding boundary into
 * the neighbouring code once in a while: a few images may differ by the effect of that (docs/numerics.md).
 */
const roundingTolerance = 1e-4;
const neighbourTolerance = 0.05;
const imagesBeyondRounding = 0.05;

export type Proof = Pick<ExportRecord, 'layers' | 'logits' | 'logitsReason'>;

export interface ProofJob {
  addon: NativeAddon;
  source: ExportSource;
  signal?: AbortSignal;
  onProgress: (fraction: number, detail: string) => void;
}

/** @throws E-EXPORT-PROOF when anything differs, E-CANCELLED */
export async function proveFile(path: string, job: ProofJob): Promise<Proof> {
  const packed = await openPackedFile(path, job.signal);
  compareDescription(packed, job.source);
  const layers: Proof['layers'] = [];
  const weights = new Map<string, QuantizedWeight>();
  for (const [index, layer] of packed.description.layers.entries()) {
    throwIfAborted(job.signal);
    job.onProgress((0.7 * index) / packed.description.layers.length, `Compare ${layer.name}`);
    const stored = await readPackedLayer(packed, layer, job.signal);
    const compared = compareLayer(job.addon, layer, stored, await job.source.packed(layer));
    layers.push({ ...compared, origin: originIn(packed.description, layer) });
    if (job.source.reference) weights.set(layer.name, stored);
  }
  refuseDifferentLayers(layers);
  await comparePlain(packed, job.source, job.signal);
  const { reference } = job.source;
  job.onProgress(0.7, 'Compare logits');
  const logits = reference ? await compareLogits(packed, weights, reference, job) : null;
  refuseDifferentLogits(logits);
  return { layers, logits, logitsReason: job.source.referenceReason };
}

function compareDescription({ file, description }: PackedFile, source: ExportSource): void {
  const names = new Set(packedSources(source).map((tensor) => tensor.name));
  const sameNames = names.size === file.tensors.size && [...names].every((name) => file.tensors.has(name));
  if (sameNames && JSON.stringify(description) === JSON.stringify(source.description)) return;
  throw proofError('its description or list of tensors is not what was written');
}

function compareLayer(
  addon: NativeAddon,
  layer: PackedLayer,
  stored: QuantizedWeight,
  trained: QuantizedWeight,
): Omit<Proof['layers'][number], 'origin'> {
  const { rows, cols } = trained;
  const bytes = stored.packed.length + decodingBytes(stored);
  return {
    name: layer.name,
    bits: layer.bits,
    codes: rows * cols,
    codesDifferent: differentCodes(addon, stored, trained),
    scalesDifferent: decodingArrays.reduce(
      (different, { of }) => different + differentWords(stored[of], trained[of]),
      0,
    ),
    effectiveBits: (bytes * 8) / (rows * cols),
    library: layer.library ?? null,
  };
}

function originIn({ origins }: PackedDescription, { base }: PackedLayer): LayerOrigin | null {
  const found = origins.find((origin) => origin.base === base);
  return found ? { rounding: found.rounding, trained: found.trained } : null;
}

function differentCodes(addon: NativeAddon, a: QuantizedWeight, b: QuantizedWeight): number {
  if (Buffer.compare(a.packed, b.packed) === 0) return 0;
  const codesOf = ({ packed, rows, cols, bits }: QuantizedWeight) =>
    addon.unpackCodes(packed, rows, cols, bits);
  const codesA = codesOf(a);
  const codesB = codesOf(b);
  let different = 0;
  for (let index = 0; index < codesA.length; index += 1) {
    if (codesA[index] !== codesB[index]) different += 1;
  }
  // Bytes that differ in padding alone are damage all the same.
  return Math.max(1, different);
}

type Words = Float32Array | Int32Array;

/** Number of 32-bit words that are not the same bits; what is absent is empty. */
function differentWords(a: Words = new Int32Array(0), b: Words = new Int32Array(0)): number {
  const wordsA = new Uint32Array(a.buffer, a.byteOffset, a.length);
  const wordsB = new Uint32Array(b.buffer, b.byteOffset, b.length);
  let different = Math.abs(wordsA.length - wordsB.length);
  for (let index = 0; index < Math.min(wordsA.length, wordsB.length); index += 1) {
    if (wordsA[index] !== wordsB[index]) different += 1;
  }
  return different;
}

async function comparePlain({ file }: PackedFile, source: ExportSource, signal?: AbortSignal): Promise<void> {
  for (const { name, bytes } of source.plain) {
    throwIfAborted(signal);
    const stored = await readTensorBytes(file, name, { signal });
    if (Buffer.compare(stored, await bytes()) !== 0) throw proofError(`tensor ${name} differs`);
  }
  for (const [base, { scale, shift }] of source.inputs) {
    const stored = await readFloat32(file, `${base}.input_scale`, { signal });
    if (stored[0] !== scale) throw proofError(`the input scale of ${base} differs`);
    if (shift === null) continue;
    const storedShift = await readFloat32(file, `${base}.input_shift`, { signal });
    if (storedShift[0] !== shift) throw proofError(`the input shift of ${base} differs`);
  }
}

async function compareLogits(
  packed: PackedFile,
  weights: ReadonlyMap<string, QuantizedWeight>,
  reference: LogitReference,
  job: ProofJob,
): Promise<NonNullable<Proof['logits']>> {
  const { test } = reference.dataset;
  const trained = await withCancel(job.addon, job.signal, (token) =>
    reference.network.logits(test, 'fakeQuant', token),
  );
  const network = await networkFromFile(packed, weights, reference, job);
  try {
    const stored = await withCancel(job.addon, job.signal, (token) => network.logits(test, 'packed', token));
    const packedHere = await withCancel(job.addon, job.signal, (token) =>
      reference.network.logits(test, 'packed', token),
    );
    // The same arithmetic on the same codes: nothing may differ.
    const differing = differentWords(stored, packedHere);
    if (differing > 0) throw proofError(`${differing} logits of integer arithmetic differ`);
    job.onProgress(0.9, 'Accuracy of the file');
    const { accuracy } = await withCancel(job.addon, job.signal, (token) =>
      network.evaluate(test, 'packed', token),
    );
    return { images: test.count, accuracy, ...difference(trained, stored, trained.length / test.count) };
  } finally {
    network.dispose();
  }
}

/** A network that knows the file alone: graph, bits and every value come from what was re-read. */
async function networkFromFile(
  packed: PackedFile,
  weights: ReadonlyMap<string, QuantizedWeight>,
  reference: LogitReference,
  job: ProofJob,
): Promise<Network> {
  const { file, description } = packed;
  const { graph } = description;
  if (!graph) throw proofError('the graph is missing');
  const plan = planNetwork(graph, fileShapes(reference.plan), configurationOf(description));
  const bases = exportBases(plan.layers.map((layer) => layer.layer));
  const network = job.addon.createNetwork(plan.nodes);
  try {
    for (const { parameter, tensor } of plan.parameters) {
      if (!weights.has(tensor)) network.setParameter(parameter, await readFloat32(file, tensor));
    }
    for (const { layer, node, config } of plan.layers) {
      const weight = weights.get(layer);
      if (weight) network.setQuantizedWeight(node, weight);
      if (config.activation.bits === 32) continue;
      const stored = await readInput(packed, bases.get(layer) ?? layer, config);
      network.setScales(node, {
        ...(weight ? scalesOf(weight) : { scales: new Float32Array(0) }),
        ...stored,
      });
    }
  } catch (thrown) {
    network.dispose();
    throw thrown;
  }
  return network;
}

async function readInput({ file }: PackedFile, base: string, { activation }: LayerConfig) {
  const [activationScale = 0] = await readFloat32(file, `${base}.input_scale`);
  if (activation.method !== 'lsqPlus') return { activationScale };
  const [activationShift = 0] = await readFloat32(file, `${base}.input_shift`);
  return { activationScale, activationShift };
}

function fileShapes(plan: NetworkPlan): Map<string, { shape: number[]; isFloat: boolean }> {
  return new Map(plan.parameters.map(({ tensor, shape }) => [tensor, { shape, isFloat: true }]));
}

interface LogitDifference {
  maxDifference: number;
  withinRounding: number;
  tolerance: number;
  sameDecision: number;
}

/** @throws E-EXPORT-PROOF when more images than allowed differ by more than rounding */
function difference(trained: Float32Array, stored: Float32Array, classes: number): LogitDifference {
  let largest = Number.MIN_VALUE;
  for (const logit of trained) largest = Math.max(largest, Math.abs(logit));
  let maxDifference = 0;
  let sameDecision = 0;
  let beyond = 0;
  for (let row = 0; row < trained.length; row += classes) {
    const image = compareImage(trained.subarray(row, row + classes), stored.subarray(row, row + classes));
    maxDifference = Math.max(maxDifference, image.difference);
    if (image.difference > largest * roundingTolerance) beyond += 1;
    // Two classes whose trained logits are equal up to rounding are one decision.
    if (image.decisionLoss <= largest * 1e-6) sameDecision += 1;
  }
  const images = trained.length / classes;
  if (beyond > Math.ceil(images * imagesBeyondRounding)) {
    throw proofError(`the logits of ${beyond} of ${images} images differ by more than rounding`);
  }
  const withinRounding = images - beyond;
  return { maxDifference, withinRounding, tolerance: largest * neighbourTolerance, sameDecision };
}

/** `decisionLoss`: how far the trained logit of the stored decision is below the trained decision's. */
function compareImage(a: Float32Array, b: Float32Array): { difference: number; decisionLoss: number } {
  let difference = 0;
  let bestA = 0;
  let bestB = 0;
  for (let index = 0; index < a.length; index += 1) {
    const x = a[index] ?? 0;
    const y = b[index] ?? Number.NaN;
    // A NaN must not pass as "no difference".
    difference = Math.max(difference, Number.isFinite(y) ? Math.abs(x - y) : Number.MAX_VALUE);
    if (x > (a[bestA] ?? 0)) bestA = index;
    if (y > (b[bestB] ?? 0)) bestB = index;
  }
  return { difference, decisionLoss: (a[bestA] ?? 0) - (a[bestB] ?? 0) };
}

function refuseDifferentLayers(layers: Proof['layers']): void {
  for (const layer of layers) {
    if (layer.codesDifferent > 0) throw proofError(`${layer.codesDifferent} codes of ${layer.name} differ`);
    if (layer.scalesDifferent > 0)
      throw proofError(`${layer.scalesDifferent} scales of ${layer.name} differ`);
  }
}

function refuseDifferentLogits(logits: Proof['logits']): void {
  if (!logits || logits.maxDifference <= logits.tolerance) return;
  const { maxDifference, tolerance } = logits;
  throw proofError(`logits differ by ${maxDifference.toPrecision(3)}, more than ${tolerance.toPrecision(3)}`);
}

function proofError(what: string): QatError {
  return new QatError(
    'E-EXPORT-PROOF',
    `The written file does not equal what was trained: ${what}. It was removed.`,
    'Export again, to another disk if it happens again.',
  );
}
