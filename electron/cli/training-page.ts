/** `docs/training.md` as the notes beside the settings have it. */
import { type OptimizerPart, optimizerTable, type Part, trainingNotes } from '../contract/index.js';
import { partSection } from './quantizers-page.js';

const { galore, ...others } = trainingNotes;

export function trainingPage(): string {
  return `${[
    '# Training settings',
    `What the settings of a training do that need more than a word. The workbench shows the same beside each control; this page is made
from \`electron/contract/training-notes.ts\` (\`npm run docs\`). [numerics.md](numerics.md) has every choice the papers leave open.`,
    '## Optimizers',
    `The window sets the rate with the optimizer unless it was changed by hand; likewise β₂, where *own* is what the engine takes.
The rates were measured on the sample model, on images held back from its training set: a start, not an optimum for every model.
GaLore is for any of them.`,
    ...Object.values<OptimizerPart>(optimizerTable).map((part) =>
      partSection(part.label, part, [
        `Rate in the window: ${part.learningRate}; of a layer trained by itself ${part.layerRate}`,
        part.beta2 === null ? null : `Own β₂: ${part.beta2}`,
      ]),
    ),
    partSection(galore.label, galore, []),
    '## Other settings',
    ...Object.values<Part>(others).map((note) => partSection(note.label, note, [])),
  ].join('\n\n')}\n`;
}
