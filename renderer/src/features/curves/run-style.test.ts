import { describe, expect, it } from 'vitest';
import { sampleRun } from '../../host/testing/sample-state.js';
import { runStyles } from './run-style.js';

type Bits = 1 | 4 | 32;

function run(id: string, createdAt: string, ...bits: Bits[]) {
  const [config] = Object.values(sampleRun().configuration);
  if (!config) throw new Error('the sample run has layers');
  const configuration = Object.fromEntries(
    bits.map((width, index) => [`fc${index}`, { ...config, weight: { ...config.weight, bits: width } }]),
  );
  return { id, createdAt, configuration };
}

describe('runStyles', () => {
  const first = run('first', '2026-01-01T00:00:00.000Z', 4, 4);
  const second = run('second', '2026-01-02T00:00:00.000Z', 4, 4);

  it('gives runs of the same bits the colour of those bits', () => {
    const styles = runStyles([first, second, run('binary', '2026-01-03T00:00:00.000Z', 1)]);
    expect(styles.map(({ color }) => color)).toEqual(['var(--w4)', 'var(--w4)', 'var(--w1)']);
  });

  it('tells runs of one colour apart by dash and marker, in the order they were started in', () => {
    const [a, b] = runStyles([first, second]);
    expect(a?.dash).not.toBe(b?.dash);
    expect(a?.marker).not.toBe(b?.marker);
    expect(runStyles([second, first])).toEqual([b, a]);
  });

  it('looks at the quantized layers: one left in float does not change the colour', () => {
    expect(runStyles([run('kept float', '2026-01-01T00:00:00.000Z', 4, 32)])[0]?.color).toBe('var(--w4)');
    expect(runStyles([run('mixed', '2026-01-01T00:00:00.000Z', 4, 1)])[0]?.color).toBe('var(--accent)');
  });

  it('has a look of its own for each of eight runs', () => {
    const runs = Array.from({ length: 8 }, (_, index) => run(`${index}`, `2026-01-0${index + 1}`, 4));
    const looks = runStyles(runs).map(({ dash, marker }) => `${dash} ${marker}`);
    expect(new Set(looks).size).toBe(8);
  });
});
