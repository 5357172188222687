import { describe, expect, it } from 'vitest';
import { base64Of, csvText, fileStem, svgText, tsvText } from './export.js';

describe('numbers as text', () => {
  const table = {
    columns: ['run', 'accuracy, after'],
    rows: [
      ['say "hi"', 0.1 + 0.2],
      ['two\nlines', null],
      ['=1+1', -3e-7],
    ],
  };

  it('are CSV in full precision, quoted where needed, empty where missing', () => {
    expect(csvText(table)).toBe(
      'run,"accuracy, after"\r\n"say ""hi""",0.30000000000000004\r\n"two\nlines",\r\n\'=1+1,-3e-7\r\n',
    );
  });

  it('are TSV on one line per row', () => {
    expect(tsvText(table).split('\n')).toEqual([
      'run\taccuracy, after',
      'say "hi"\t0.30000000000000004',
      'two lines\t',
      "'=1+1\t-3e-7",
      '',
    ]);
  });

  it('round-trip: what is parsed back is what was drawn', () => {
    const rows = Array.from({ length: 50 }, (_, index) => [Math.fround(Math.sin(index)), index * 1e-9]);
    const parsed = csvText({ columns: ['a', 'b'], rows })
      .trim()
      .split('\r\n')
      .slice(1)
      .map((line) => line.split(',').map(Number));
    expect(parsed).toEqual(rows);
  });

  it('never carry what a spreadsheet would run, but keep negative numbers', () => {
    expect(csvText({ columns: ['x'], rows: [['@cmd'], ['-cmd'], ['-0.5'], [Number.NaN]] })).toBe(
      "x\r\n'@cmd\r\n'-cmd\r\n-0.5\r\n\r\n",
    );
  });
});

describe('a chart as SVG', () => {
  const svg = () => {
    const host = document.createElement('div');
    host.innerHTML =
      '<svg class="recharts-surface" width="200" height="100"><g class="a" style="opacity: 0.5"><path d="M0 0L1 1" stroke="red"/></g></svg>';
    document.body.append(host);
    return host.querySelector('svg') as SVGSVGElement;
  };

  it('stands alone: namespace, title, ground, and no reference to a style sheet', () => {
    const text = svgText(svg(), { title: 'fc1 <weights>', subtitle: '4 & 8 bit' });
    const parsed = new DOMParser().parseFromString(
      text.replace(/^<\?xml.*\n/, ''),
      'image/svg+xml',
    ).documentElement;
    expect(text).toContain('xmlns="http://www.w3.org/2000/svg"');
    expect(parsed.textContent).toContain('fc1 <weights>');
    expect(parsed.textContent).toContain('4 & 8 bit');
    expect(text).not.toContain('class=');
    expect(text).not.toContain('style=');
    expect(parsed.querySelector('rect')?.getAttribute('fill')).toBeTruthy();
  });

  it('makes room for its heading', () => {
    expect(svgText(svg(), { title: 'x' })).toMatch(/viewBox="0 0 200 134"/);
  });
});

describe('files', () => {
  it('have names every system takes', () => {
    expect(fileStem('model/layer.0: weights?')).toBe('model-layer.0-weights');
    expect(fileStem('...')).toBe('chart');
    expect(fileStem('x'.repeat(300)).length).toBe(100);
  });

  it('are base64 whatever their size', async () => {
    const letters = Array.from({ length: 70_000 }, (_, index) => String.fromCharCode(index % 256));
    const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
    const text = await base64Of(new Blob([bytes]));
    expect(atob(text) === letters.join('')).toBe(true);
  });
});
