/**
 * Roundings that look at inputs, group by group: the rows of each group of a convolution are multiplied with inputs
 * of their own, so each has a Hessian of its own. All other layers are one group.
 */
import type { NativeScales, QuantizedWeight } from '../../native/index.js';
import { inputsOfGroup, type LayerInputs } from './layer-inputs.js';
import { joined, joinScales, scalesOf, scalesOfPart } from './scale-arrays.js';

/** Some rows of a weight, and what they see. */
export interface RowGroup {
  /** [rows, cols] */
  weight: Float32Array;
  rows: number;
  cols: number;
  /** [samples, cols] */
  inputs: Float32Array;
  samples: number;
  /** Of the whole layer's scales, those of these rows. */
  scales: NativeScales;
  /** These scales serve other rows too, so they do not follow from these rows. */
  ofMore: boolean;
  /** Share of the layer that is done, and that will be. */
  from: number;
  to: number;
}

interface ChosenRows {
  weight: QuantizedWeight;
  dequantized: Float32Array;
}

/** Chosen codes, and the weight they decode to. */
export interface Chosen {
  dequantized: Float32Array;
  scales: NativeScales;
  packed: Uint8Array;
}

/** `scales` are those of *prepare*. @throws E-CANCELLED and whatever `choose` throws */
export async function chooseByGroup(
  values: Float32Array,
  inputs: LayerInputs,
  { scales, perTensor }: { scales: NativeScales; perTensor: boolean },
  signal: AbortSignal | undefined,
  choose: (group: RowGroup) => Promise<ChosenRows>,
): Promise<Chosen> {
  const { cols, groups, samples } = inputs;
  const rows = values.length / cols / groups;
  const made: ChosenRows[] = [];
  for (let group = 0; group < groups; group += 1) {
    made.push(
      await choose({
        weight: values.subarray(group * rows * cols, (group + 1) * rows * cols),
        rows,
        cols,
        inputs: await inputsOfGroup(inputs, group, signal),
        samples,
        scales: perTensor ? scalesOf(scales) : scalesOfPart(scalesOf(scales), group, groups),
        ofMore: perTensor && groups > 1,
        from: group / groups,
        to: (group + 1) / groups,
      }),
    );
  }
  const [first] = made;
  if (!first) throw new Error('A layer has no group of rows.');
  return {
    dequantized: joined(made.map(({ dequantized }) => dequantized)),
    scales: perTensor ? scalesOf(first.weight) : joinScales(made.map(({ weight }) => scalesOf(weight))),
    // Rows are padded to whole bytes, so those of one group follow those of another.
    packed: Buffer.concat(made.map(({ weight }) => weight.packed)),
  };
}
