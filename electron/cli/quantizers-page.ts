/** `docs/quantizers.md` as the table of quantizer parts has it. */
import {
  type GridPart,
  granularityTable,
  gridTable,
  inputTable,
  type LayerKind,
  layerKindTable,
  type MethodPart,
  methodTable,
  type Parameter,
  type Part,
  type RangePart,
  type RoundingPart,
  rangeTable,
  recipeTable,
  roundingTable,
  transformTable,
} from '../contract/index.js';

type Facts = readonly (string | null)[];

export function partSection(id: string, part: Part, facts: Facts): string {
  const listed = [
    ...facts,
    part.source === null ? null : `Source: ${part.source}`,
    `Good for: ${part.goodFor}`,
    `Traps: ${part.traps}`,
  ].filter((fact) => fact !== null);
  const formula = part.formula.split('\n').map((line) => `    ${line}`);
  return [
    part.label === id ? `### ${id}` : `### ${id} — ${part.label}`,
    formula.join('\n'),
    listed.map((fact) => `- ${fact}`).join('\n'),
  ].join('\n\n');
}

function chapter<P extends Part>(
  title: string,
  about: string,
  table: Record<string, P>,
  facts: (part: P) => Facts,
) {
  const sections = Object.entries(table).map(([id, part]) => partSection(id, part, facts(part)));
  return [`## ${title}`, about, ...sections].join('\n\n');
}

const uses = (part: { weights: boolean; activations: boolean }) =>
  [part.weights ? 'weights' : null, part.activations ? 'activations' : null]
    .filter((use) => use)
    .join(' and ');

const gridFacts = ({ bits, activations }: GridPart): Facts => [
  `Bits: ${bits.length > 1 ? `${bits[0]}–${bits.at(-1)}` : bits[0]}`,
  `For: ${uses({ weights: true, activations })}`,
];

const rangeFacts = (part: RangePart): Facts => [
  `For: ${part.ternaryOnly ? 'weights on the ternary grid' : uses(part)}`,
  ...parameterFacts(part.parameters),
];

function parameterFacts(parameters: readonly Parameter[]): Facts {
  return parameters.map(
    ({ id, label, min, max, default: standard }) =>
      `Parameter \`${id}\` (${label}): ${min}–${max}, default ${standard}`,
  );
}

const roundingFacts = (part: RoundingPart): Facts => [
  `Grids: ${part.grids.join(', ')}; granularities: ${part.granularities.join(', ')}; methods: ${part.methods.join(', ')}`,
  `Inputs of the layer: ${part.needsInputs ? 'needed' : 'not needed'}`,
  ...parameterFacts(part.parameters),
  part.needsInputs ? 'Parameter `correctBias`: b ← b − (Ŵ − W)·x̄ with x̄ the mean input, default no' : null,
  part.orders ? 'Parameter `actOrder`: columns in descending order of diag H, default yes' : null,
];

/** Empty lists and nulls say nothing. */
const methodFacts = (part: MethodPart): Facts => [
  `For: ${uses({ weights: part.weightGrids.length > 0, activations: part.activationGrids.length > 0 })}`,
  part.weightGrids.length > 0 ? `Weights: ${weightNeeds(part)}` : null,
  part.activationGrids.length > 0
    ? `Activations: ${part.activationGrids.join(', ')}; ${part.activationBits[0]}–${part.activationBits.at(-1)} bits`
    : null,
];

function weightNeeds({ weightGrids, granularity, range }: MethodPart): string {
  const every = Object.keys(gridTable).every(
    (grid) => grid === 'user' || weightGrids.some((own) => own === grid),
  );
  return [
    every ? 'every grid but user' : `grid ${weightGrids.join(', ')}`,
    granularity === null ? null : `granularity ${granularity}`,
    range === null ? null : `start range ${range}`,
  ]
    .filter((need) => need !== null)
    .join('; ');
}

const layerFacts = ({ where }: LayerKind): Facts => [`Where: ${where}`];

export function quantizersPage(): string {
  return `${[
    '# Quantizers',
    `A quantizer is composed of a grid (where the levels are), a start range (how *prepare* estimates the scale), a
granularity (what shares a scale), a rounding, and in training a method. Each part is a row of
\`electron/contract/quantizer-parts/\`, from which this page is made (\`npm run docs\`). [numerics.md](numerics.md) has the
notation and every choice that the papers leave open: *b* bits · *w* a weight or input · *s* > 0 its scale · *z* its zero
point · ŵ the quantized value · ⌊·⌉ rounding half to even.`,
    chapter('Grids', 'Where the levels are, and which code each has.', gridTable, gridFacts),
    chapter(
      'Start ranges',
      `How *prepare* sets the scale from the elements that share it. A binary scale is mean|w| whatever the start range. On the
ternary grid one that names no threshold has Δ = s/2: each weight takes the nearest level.`,
      rangeTable,
      rangeFacts,
    ),
    chapter('Granularities', 'What shares a scale.', granularityTable, () => []),
    chapter(
      'Rounding',
      `How *quantize* chooses a code between two neighbours. Training always rounds to nearest and starts from the float
weight, whatever is chosen here.`,
      roundingTable,
      roundingFacts,
    ),
    chapter(
      'Methods',
      'The gradient rule of training: what it sends through the rounding, and what becomes of the scales.',
      methodTable,
      methodFacts,
    ),
    chapter(
      'Inputs',
      'What may become of a layer’s input before it is quantized: `inputShift` of its activation quantizer, default no.',
      inputTable,
      () => [],
    ),
    chapter(
      'Methods that are mixes',
      'What papers name and here is a choice of the parts above; and training a layer by itself.',
      recipeTable,
      ({ how }) => [`How: ${how}`],
    ),
    chapter(
      'Before quantizing',
      `What is done to the float network, and what its layers are set to: **Model › Fold and Equalise…** and **Model › Allocate
Bits…** in the workbench.`,
      transformTable,
      () => [],
    ),
    chapter(
      'Kinds of layers',
      `Beside the n-bit linear layer and convolution, which all of the above is for. Optimizers (Diode and GaLore among them)
are in [training.md](training.md).`,
      layerKindTable,
      layerFacts,
    ),
  ].join('\n\n')}\n`;
}
