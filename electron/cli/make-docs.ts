/** `npm run docs`: writes the pages that are made from tables. A test fails while one is out of date. */
import { writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { quantizersPage } from './quantizers-page.js';
import { trainingPage } from './training-page.js';

const appRoot = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
writeFileSync(join(appRoot, 'docs', 'quantizers.md'), quantizersPage());
writeFileSync(join(appRoot, 'docs', 'training.md'), trainingPage());
