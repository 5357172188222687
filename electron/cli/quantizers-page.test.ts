import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  grids,
  layerKindTable,
  methods,
  rangeEstimators,
  roundings,
  transformTable,
} from '../contract/index.js';
import { quantizersPage } from './quantizers-page.js';
import { trainingPage } from './training-page.js';

describe('docs/quantizers.md', () => {
  it('is what the table says; npm run docs brings it up to date', () => {
    expect(readFileSync(join(import.meta.dirname, '../../docs/quantizers.md'), 'utf8')).toBe(
      quantizersPage(),
    );
  });

  it('and so is docs/training.md', () => {
    expect(readFileSync(join(import.meta.dirname, '../../docs/training.md'), 'utf8')).toBe(trainingPage());
  });

  it('has a section for every part', () => {
    const named = [transformTable, layerKindTable].flatMap((table) => Object.keys(table));
    for (const id of [...grids, ...rangeEstimators, ...roundings, ...methods, ...named]) {
      expect(quantizersPage()).toMatch(new RegExp(`^### ${id}( — .+)?$`, 'm'));
    }
  });
});
