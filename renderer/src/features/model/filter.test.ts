import { describe, expect, it } from 'vitest';
import { layerFilter } from './filter.js';

const names = ['model.0.conv1.weight', 'model.0.conv2.weight', 'model.10.fc.weight', 'head[a].weight'];
const passing = (filter: string) => names.filter(layerFilter(filter));

describe('layer filter', () => {
  it('finds a part of the name whatever its case', () => {
    expect(passing('CONV')).toEqual(names.slice(0, 2));
  });

  it('takes * and ? for anything, on the whole name', () => {
    expect(passing('*conv?.weight')).toEqual(names.slice(0, 2));
    expect(passing('conv*')).toEqual([]);
    expect(passing('model.?.*')).toEqual(names.slice(0, 2));
  });

  it('wants every word', () => {
    expect(passing('model conv2')).toEqual([names[1]]);
  });

  it('takes signs of regular expressions literally', () => {
    expect(passing('head[a]')).toEqual([names[3]]);
    expect(passing('(')).toEqual([]);
    expect(passing('h*[a].*')).toEqual([names[3]]);
  });

  it('passes everything when it is empty', () => {
    expect(passing('   ')).toEqual(names);
  });
});
