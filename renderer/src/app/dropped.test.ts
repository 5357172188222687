import { describe, expect, it } from 'vitest';
import { folderKind } from './dropped.js';

describe('what was dropped', () => {
  it('tells a project from a data set and from anything else', () => {
    expect(folderKind(['project.json', 'journal.ndjson'])).toBe('project');
    expect(folderKind(['train-images-idx3-ubyte.gz', 'train-labels-idx1-ubyte.gz'])).toBe('dataset');
    expect(folderKind(['t10k-images-idx3-ubyte'])).toBe('dataset');
    expect(folderKind(['holiday.jpg'])).toBe('unknown');
    expect(folderKind([])).toBe('unknown');
  });
});
