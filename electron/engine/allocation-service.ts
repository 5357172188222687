/** Bits of the layers within a budget: losses are measured once and kept, so that another budget answers at once. */
import {
  type Allocation,
  type AllocationInput,
  type AllocationTotal,
  type Bits,
  type Calibration,
  type LayerConfig,
  legalWeight,
  packedBytes,
  QatError,
  type WeightQuantizer,
} from '../contract/index.js';
import { type Loss, measureLosses } from './allocation-measure.js';
import { asQatError, type CallOptions, throwIfAborted } from './call-options.js';
import type { EngineContext } from './context.js';
import type { JobControl } from './jobs.js';
import type { ModelLayer } from './model.js';
import { withCancel } from './native-call.js';
import type { OpenProject } from './open-project.js';
import { quantizerText } from './quantizers.js';

/** From here on a measurement is worth a line in the job bar. */
const longMeasureMs = 300;
const curvePoints = 32;
/** Of more layers the greedy answers lie so close to each other that the exact ones look the same. */
const mostExactLayers = 24;

/** One number of bits for a layer. */
interface Option {
  bits: Bits;
  bytes: number;
  /** Null: it was not measured, as of fixed layers. */
  loss: Loss | null;
  /** What is minimised. */
  sensitivity: number;
  /** In the budget's unit. */
  cost: number;
}

interface Row {
  layer: ModelLayer;
  weights: number;
  fixed: string | null;
  now: Option;
  options: Option[];
}

export class AllocationService {
  readonly #context: EngineContext;
  readonly #losses = new Map<string, Loss>();
  /** That inputs were captured from. */
  #dataset: OpenProject['dataset'] = null;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /** Another project is open. */
  forget(): void {
    this.#losses.clear();
    this.#dataset = null;
  }

  /**
   * Measures what is not known yet and proposes bits. Nothing is changed.
   * @throws E-REQUEST-INVALID (budget), E-TRAINING-UNAVAILABLE (captured inputs), E-WEIGHT-NOT-FINITE, E-CANCELLED
   */
  async allocate(input: AllocationInput, options?: CallOptions): Promise<Allocation> {
    const project = this.#context.current();
    for (const name of input.fixed) project.model.layer(name);
    if (this.#dataset !== project.dataset) this.#losses.clear();
    this.#dataset = project.dataset;
    const late = { ...options, announceAfterMs: longMeasureMs };
    return this.#context.jobs.run('allocate', 'Allocate bits', late, async (job) => {
      const rows = await this.#rows(project, input, job);
      const least = checkBudget(rows, input);
      const { choices, exact } = await this.#choose(rows, budgetUnits(rows, input), 'exact', job.signal);
      const total = (picked: readonly Option[]) => totalOf(rows, picked);
      return {
        measure: input.inputs ? 'output' : 'weight',
        exact,
        layers: rows.map((row, index) => layerAnswer(row, choices[index] ?? row.now)),
        now: total(rows.map(({ now }) => now)),
        proposed: total(choices),
        curve: await this.#curve(rows, least, job.signal),
        uniform: uniformOf(rows, input.choices),
      };
    });
  }

  async #rows(project: OpenProject, input: AllocationInput, job: JobControl): Promise<Row[]> {
    const { layers } = project.model.content;
    const rows: Row[] = [];
    for (const [index, layer] of layers.entries()) {
      throwIfAborted(job.signal);
      job.progress(index / layers.length, layer.name);
      rows.push(await this.#row(project, layer, input, job.signal));
    }
    return rows;
  }

  async #row(
    project: OpenProject,
    layer: ModelLayer,
    input: AllocationInput,
    signal: AbortSignal,
  ): Promise<Row> {
    const { weight } = project.configOf(layer.name);
    const weights = layer.rows * layer.cols;
    const fixed = whyFixed(project.configOf(layer.name), input.fixed.includes(layer.name));
    const offered = [...new Set<Bits>(input.choices)].sort((a, b) => a - b);
    const measured = fixed === null ? [...new Set([...offered, weight.bits])] : [];
    const losses = await this.#lossesOf(project, layer, measured, input.inputs, signal);
    const option = (bits: Bits): Option => {
      const bytes = packedBytes(atBits(weight, bits), layer.rows, layer.cols);
      const loss = losses.get(bits) ?? null;
      const floatAside = bits === 32 ? 0 : bits * weights;
      const cost = input.budget.kind === 'bytes' ? bytes : floatAside;
      return { bits, bytes, loss, sensitivity: loss ? sensitivity(loss, input.relative) : 0, cost };
    };
    const now = option(weight.bits);
    return { layer, weights, fixed, now, options: fixed === null ? offered.map(option) : [now] };
  }

  async #lossesOf(
    project: OpenProject,
    layer: ModelLayer,
    bits: readonly Bits[],
    inputs: Calibration | null,
    signal: AbortSignal,
  ): Promise<Map<Bits, Loss>> {
    const { weight } = project.configOf(layer.name);
    const key = (at: Bits) => JSON.stringify([layer.name, quantizerText(atBits(weight, at)), inputs]);
    const missing = bits.filter((at) => !this.#losses.has(key(at)));
    if (missing.length > 0) {
      const job = { addon: this.#context.addon, project, layer, inputs, signal };
      const made = await measureLosses(
        job,
        missing.map((at) => atBits(weight, at)),
      );
      for (const [index, at] of missing.entries()) {
        const loss = made[index];
        if (loss) this.#losses.set(key(at), loss);
      }
    }
    return new Map(
      bits.flatMap((at) => {
        const loss = this.#losses.get(key(at));
        return loss ? [[at, loss] as const] : [];
      }),
    );
  }

  async #choose(
    rows: readonly Row[],
    budget: number,
    method: 'exact' | 'greedy',
    signal: AbortSignal,
  ): Promise<{ choices: Option[]; exact: boolean }> {
    const { addon } = this.#context;
    const table = rows.map(({ options }) => options.map(({ sensitivity, cost }) => ({ sensitivity, cost })));
    try {
      const { choices } = await withCancel(addon, signal, (token) =>
        addon.ops.allocateBits(table, budget, method, token),
      );
      const picked = rows.map(({ options, now }, index) => options[choices[index] ?? 0] ?? now);
      return { choices: picked, exact: method === 'exact' };
    } catch (thrown) {
      // Too many combinations to look at them all.
      if (method === 'greedy' || asQatError(thrown).code !== 'E-OUT-OF-MEMORY') throw thrown;
      return this.#choose(rows, budget, 'greedy', signal);
    }
  }

  async #curve(rows: readonly Row[], least: number, signal: AbortSignal): Promise<AllocationTotal[]> {
    const most = rows.reduce((sum, { options }) => sum + Math.max(...options.map(({ cost }) => cost)), 0);
    const method = rows.length <= mostExactLayers ? 'exact' : 'greedy';
    const curve: AllocationTotal[] = [];
    for (let at = 0; at < curvePoints; at += 1) {
      const budget = Math.floor(least + ((most - least) * at) / (curvePoints - 1));
      const { choices } = await this.#choose(rows, budget, method, signal);
      const total = totalOf(rows, choices);
      if (total.bytes !== curve.at(-1)?.bytes) curve.push(total);
    }
    return curve;
  }
}

const atBits = (weight: WeightQuantizer, bits: Bits) =>
  bits === weight.bits ? weight : legalWeight(weight, { bits });

function whyFixed({ weight }: LayerConfig, asked: boolean): string | null {
  if (weight.method === 'user') return 'its library has the bits it has';
  return asked ? 'kept as it is' : null;
}

const sensitivity = ({ error, power }: Loss, relative: boolean) =>
  relative ? (power > 0 ? error / power : 0) : error;

/** Layers that count in the mean of the bits: all but float ones that stay float. */
const counted = ({ fixed, now }: Row) => fixed === null || now.bits !== 32;

function countedWeights(rows: readonly Row[]): number {
  return rows.reduce((sum, row) => sum + (counted(row) ? row.weights : 0), 0);
}

function budgetUnits(rows: readonly Row[], { budget }: AllocationInput): number {
  // A mean like 3.3 is no exact number: a weight more or less must not decide.
  return budget.kind === 'bytes' ? budget.bytes : Math.floor(budget.bits * countedWeights(rows) + 1e-6);
}

/** The least cost of all. @throws E-REQUEST-INVALID when the budget is below it, or nothing is to be allocated */
function checkBudget(rows: readonly Row[], input: AllocationInput): number {
  if (rows.every(({ fixed }) => fixed !== null)) {
    throw new QatError(
      'E-REQUEST-INVALID',
      'Every layer keeps its bits: there is nothing to allocate.',
      'Free at least one layer.',
    );
  }
  const least = rows.reduce((sum, { options }) => sum + Math.min(...options.map(({ cost }) => cost)), 0);
  if (least <= budgetUnits(rows, input)) return least;
  const words =
    input.budget.kind === 'bytes'
      ? [`${input.budget.bytes} bytes`, `${least} bytes`]
      : [`${input.budget.bits} bits a weight`, `${(least / countedWeights(rows)).toFixed(2)} bits a weight`];
  throw new QatError(
    'E-REQUEST-INVALID',
    `The budget of ${words[0]} is below the least that these choices take: ${words[1]}.`,
    'Raise the budget, allow fewer bits, or free layers that are kept.',
  );
}

function totalOf(rows: readonly Row[], picked: readonly Option[]): AllocationTotal {
  let error = 0;
  let bytes = 0;
  let codeBits = 0;
  rows.forEach(({ weights, fixed }, index) => {
    const option = picked[index];
    if (!option) return;
    error += fixed === null ? option.sensitivity : 0;
    bytes += option.bytes;
    codeBits += option.bits === 32 ? 0 : option.bits * weights;
  });
  const weights = rows.reduce((sum, row, index) => sum + (picked[index]?.bits === 32 ? 0 : row.weights), 0);
  return { error, bytes, bits: weights > 0 ? codeBits / weights : 0 };
}

function uniformOf(rows: readonly Row[], choices: AllocationInput['choices']): Allocation['uniform'] {
  const distinct = [...new Set(choices)].sort((a, b) => a - b);
  return distinct.map((of) => {
    const picked = rows.map(({ options, now }) => options.find(({ bits }) => bits === of) ?? now);
    return { of, ...totalOf(rows, picked) };
  });
}

function layerAnswer({ layer, weights, fixed, now }: Row, proposed: Option): Allocation['layers'][number] {
  const answer = ({ bits, bytes, loss }: Option) => ({ bits, bytes, error: loss?.error ?? null });
  const power = proposed.loss?.power ?? null;
  return { layer: layer.name, weights, fixed, power, now: answer(now), proposed: answer(proposed) };
}
