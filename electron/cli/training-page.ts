/** `docs/training.md` as the notes beside the settings have it. */
import { type Part, trainingNotes } from '../contract/index.js';
import { partSection } from './quantizers-page.js';

export function trainingPage(): string {
  return `${[
    '# Training settings',
    `What the settings of a training do that need more than a word. The workbench shows the same beside each control; this page is made
from \`electron/contract/training-notes.ts\` (\`npm run docs\`). [numerics.md](numerics.md) has every choice the papers leave open.`,
    ...Object.values<Part>(trainingNotes).map((note) => partSection(note.label, note, [])),
  ].join('\n\n')}\n`;
}
