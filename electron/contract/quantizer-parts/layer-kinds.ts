import type { Part } from './part.js';

/** A kind of layer of the engine, and how one is had. */
export interface LayerKind extends Part {
  /** In the window, or as a node of the engine's networks alone. */
  where: string;
}

const engineOnly = (node: string) => `node \`${node}\` of the engine’s networks; not in the window`;

/** Layers beside the n-bit linear layer and convolution that every quantizer above is for. */
export const layerKindTable = {
  mpqLinear: {
    label: 'MPQ linear',
    formula:
      'ŵ = s·(q − z), or s·q − z with float zeros; s, z per output and group of inputs g(k)\nw = ŵ + residual: updates go to w, q = clamp(⌊w/s⌉ + z, 0, 2^b − 1) is derived anew',
    source: 'Frantar et al. 2022 (GPTQ’s layout), arXiv:2210.17323; BITorch Engine',
    goodFor:
      'Checkpoints of large language models: weight only, 1–8 bits, groups in any order (`g_idx`), scales that are quantized themselves (4 or 8 bits, per block of outputs).',
    traps:
      'A zero point stored as z − 1 (`gptq`) cannot be 0; `gptqV2` stores z. w is float32: updates below half its last digit are lost, at 8 bits those shorter than s/131072. A double-quantized scale moves when it is quantized anew.',
    where:
      'node `mpqLinear` of the engine’s networks. In the window the preset MPQ4, and other bits on it: an n-bit linear layer trains alike with 2–8 bits, grid `unsigned`, granularity `group`, method `ste`, a start other than `absmax` and 32-bit activations: under equal scales float weights and codes are the same to the bit after every step. It differs in its start (another search for the least squared error), and has no float zeros, no `g_idx`, no double quantization, and no learned zeros ([numerics.md](numerics.md) §10)',
  },
  mixedRowLinear: {
    label: 'Mixed-bit-row linear',
    formula:
      'y = (x ⊙ c)·ŵᵀ + b, ŵ = s·q − z\neach group of inputs has 8, 6, 5, 4, 3 or 2 bits; stored widest first',
    source: 'BITorch Engine',
    goodFor: 'A few inputs that need more bits than the rest, at a mean of less than four.',
    traps: 'Inputs · bits of a group must be a multiple of 32. Widths are chosen before, not learned.',
    where: engineOnly('mixedRowLinear'),
  },
  embedding: {
    label: 'Embedding, 1–8 bits',
    formula: 'y = ŵ[id], one scale per row\n∂L/∂ŵ[id] += ∂L/∂y for the rows a batch touches',
    source: null,
    goodFor: 'Tables of tokens, whose rows have ranges of their own.',
    traps:
      'Rows a batch does not touch still move by momentum and weight decay. Ids are floats: at most 2^24 rows. The padding row gives zeros.',
    where: engineOnly('embedding'),
  },
  embeddingBag: {
    label: 'Embedding bag, 1–8 bits',
    formula: 'sum Σŵ · mean Σŵ/n · vote (1 bit): +1 where at least half of the n signs are +1, else −1',
    source: null,
    goodFor: 'Sets of ids; the vote stays binary.',
    traps:
      'Scales take no part in a vote, and its gradient is that of the mean of the signs. An empty bag is zeros.',
    where: engineOnly('embeddingBag'),
  },
  matmul: {
    label: 'Quantized matmul',
    formula:
      'Y = Â·B̂ᵀ or Â·B̂, each x̂ = s·c + t\nY = s_a·s_b·Σ c_a·c_b + s_a·t_b·Σ c_a + t_a·s_b·Σ c_b + k·t_a·t_b',
    source: null,
    goodFor: 'Products of two activations as integers: scores, gates. Two signs are XNOR and popcount.',
    traps: 'With one float operand it is a float product. Each operand has one scale for all samples.',
    where: 'node `matmul`; a model file’s graph has it in float, quantized operands are for the engine alone',
  },
  attention: {
    label: 'Quantized attention',
    formula: 'softmax(Q̂·K̂ᵀ/√d) = P, Y = P̂·V̂; four quantizers, P unsigned (1 bit: {0, s})',
    source: 'Vaswani et al. 2017, arXiv:1706.03762',
    goodFor: 'Both products of attention in integers.',
    traps:
      'The softmax is float. *Prepare* sets the scale of P under the quantized Q and K, from 256 samples: few rows of P are anything but nearly 0.',
    where:
      'node `attention`; a model file’s graph has it in float, quantized operands are for the engine alone',
  },
} as const satisfies Record<string, LayerKind>;
