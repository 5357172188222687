import { beforeEach, describe, expect, it } from 'vitest';
import { pickNewRun, selectRuns, toggleRun, useSelection } from './selection-store.js';

const picked = () => useSelection.getState().runs;

describe('the picked runs', () => {
  beforeEach(() => useSelection.setState({ runs: [] }));

  it('take in new runs up to four, then each takes the place of the oldest', () => {
    for (const id of ['a', 'b', 'c', 'd']) pickNewRun(id);
    expect(picked()).toEqual(['a', 'b', 'c', 'd']);
    pickNewRun('e');
    expect(picked()).toEqual(['b', 'c', 'd', 'e']);
  });

  it('do not grow by a new run when the user has picked more', () => {
    selectRuns(['a', 'b', 'c', 'd', 'e', 'f']);
    pickNewRun('g');
    expect(picked()).toEqual(['b', 'c', 'd', 'e', 'f', 'g']);
  });

  it('are at most eight, the last picked', () => {
    for (let index = 1; index <= 9; index += 1) toggleRun(`run ${index}`);
    expect(picked()).toHaveLength(8);
    expect(picked()).not.toContain('run 1');
    toggleRun('run 9');
    expect(picked()).toHaveLength(7);
  });
});
