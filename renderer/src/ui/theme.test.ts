import { describe, expect, it } from 'vitest';
import css from './theme.css?raw';

type Rgb = [number, number, number];

function tokens(selector: string): Map<string, string> {
  const start = css.indexOf(`${selector} {`);
  const block = css.slice(start, css.indexOf('\n}', start));
  return new Map(
    [...block.matchAll(/--([\w-]+):\s*([^;]+);/g)].map(([, name, value]) => [name ?? '', value ?? '']),
  );
}

const dark = tokens(':root');
const themes = { dark, light: new Map([...dark, ...tokens(':root[data-theme="light"]')]) };

function rgb(hex: string): Rgb {
  const digits = /^#([0-9a-f]{6})$/i.exec(hex.trim())?.[1];
  if (!digits) throw new Error(`not a colour: ${hex}`);
  return [0, 2, 4].map((at) => Number.parseInt(digits.slice(at, at + 2), 16)) as Rgb;
}

/** color-mix(in srgb, a share, b) */
function mix(a: Rgb, share: number, b: Rgb): Rgb {
  return a.map((value, index) => value * share + (b[index] ?? 0) * (1 - share)) as Rgb;
}

/** Relative luminance, WCAG 2.2. */
function luminance(color: Rgb): number {
  const [red = 0, green = 0, blue = 0] = color.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a: Rgb, b: Rgb): number {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

const bitTokens = ['w1', 'w2', 'w3', 'w4', 'w5', 'w6', 'w7', 'w8', 'w32'];

describe.each(Object.entries(themes))('the %s theme meets WCAG AA', (_name, theme) => {
  const color = (token: string) => rgb(theme.get(token) ?? `missing ${token}`);

  it.each(['bg0', 'bg1', 'bg2', 'bg3'])('text on %s', (ground) => {
    for (const ink of ['ink', 'ink2', 'ink3']) {
      expect(contrast(color(ink), color(ground)), `${ink} on ${ground}`).toBeGreaterThanOrEqual(4.5);
    }
  });

  it.each(['ok', 'warn', 'bad', 'accent'])('%s as text on panels and cards', (tone) => {
    for (const ground of ['bg0', 'bg1', 'bg2']) {
      expect(contrast(color(tone), color(ground)), `${tone} on ${ground}`).toBeGreaterThanOrEqual(4.5);
    }
  });

  it('text on the accent', () => {
    expect(contrast(color('on-accent'), color('accent'))).toBeGreaterThanOrEqual(4.5);
  });

  it('the edge of controls and the focus ring against their grounds', () => {
    for (const ground of ['bg0', 'bg1', 'bg2']) {
      expect(contrast(color('edge'), color(ground)), `edge on ${ground}`).toBeGreaterThanOrEqual(3);
      expect(contrast(color('accent'), color(ground)), `focus on ${ground}`).toBeGreaterThanOrEqual(3);
    }
  });

  it.each(bitTokens)('%s: chip text, chosen segment, and line on a chart', (token) => {
    const ground = mix(color(token), 0.2, color('bg1'));
    const text = mix(color(token), 0.72, color('ink'));
    expect(contrast(text, ground), 'chip').toBeGreaterThanOrEqual(4.5);
    expect(contrast(color('on-bits'), color(token)), 'segment').toBeGreaterThanOrEqual(4.5);
    expect(contrast(color(token), color('bg1')), 'line').toBeGreaterThanOrEqual(3);
  });
});
