/** The plot of the rows: a dot for each seed, a bar for their median, a ring for PyTorch with the same recipe. */
import { medianPercent } from './accuracy-record.js';
import type { ReportRow } from './accuracy-report.js';

const width = 760;
const labelWidth = 130;
const valueWidth = 70;
const rowHeight = 30;
const top = 54;
const bottom = 44;
const plotRight = width - valueWidth;

/** Follows the reader's light or dark setting, also as an image in a page. */
const style = `
  svg { font: 13px system-ui, sans-serif; }
  .paper { fill: #ffffff; } text { fill: #1f2933; } .faint { fill: #616e7c; }
  .grid { stroke: #d9dee5; } .seed { fill: #3b6fd4; fill-opacity: 0.45; } .median { stroke: #3b6fd4; }
  .peer { stroke: #b4540a; fill: none; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #14181d; } text { fill: #e4e7eb; } .faint { fill: #9aa5b1; }
    .grid { stroke: #323f4b; } .seed { fill: #7aa5f7; } .median { stroke: #7aa5f7; } .peer { stroke: #f0a35e; }
  }`;

export function drawAccuracies(rows: readonly ReportRow[]): string {
  const axis = axisOf(rows);
  const height = top + rows.length * rowHeight + bottom;
  const caption = 'Test accuracy on Fashion-MNIST, in percent';
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${caption}</title>`,
    `<style>${style}\n</style>`,
    `<rect class="paper" width="${width}" height="${height}" rx="8"/>`,
    ...legend(),
    ...gridLines(axis, height - bottom),
    ...rows.flatMap((row, index) => drawRow(row, top + (index + 0.5) * rowHeight, axis)),
    `<text class="faint" x="${(labelWidth + plotRight) / 2}" y="${height - 8}" text-anchor="middle">${caption}</text>`,
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

interface Axis {
  low: number;
  high: number;
}

/** Whole percents around everything that is drawn. */
function axisOf(rows: readonly ReportRow[]): Axis {
  const values = rows.flatMap(({ row, record }) => [
    ...record.measurements.map(({ packed }) => 100 * packed),
    ...(row.pytorch === undefined ? [] : [row.pytorch.sameRecipe]),
  ]);
  return { low: Math.floor(Math.min(...values) - 0.25), high: Math.ceil(Math.max(...values) + 0.25) };
}

function xOf(percent: number, { low, high }: Axis): string {
  return (labelWidth + ((percent - low) / (high - low)) * (plotRight - labelWidth)).toFixed(1);
}

function gridLines(axis: Axis, floor: number): string[] {
  // At most ten or so, at whole percents.
  const step = Math.max(1, Math.ceil((axis.high - axis.low) / 10));
  const lines: string[] = [];
  for (let percent = axis.low; percent <= axis.high; percent += step) {
    const x = xOf(percent, axis);
    lines.push(
      `<line class="grid" x1="${x}" x2="${x}" y1="${top}" y2="${floor}"/>`,
      `<text class="faint" x="${x}" y="${floor + 17}" text-anchor="middle">${percent}</text>`,
    );
  }
  return lines;
}

function drawRow({ row, record }: ReportRow, y: number, axis: Axis): string[] {
  const median = medianPercent(record);
  return [
    `<text x="${labelWidth - 12}" y="${y + 4}" text-anchor="end">${escapeText(row.label)}</text>`,
    ...record.measurements.map(({ packed }) => seedDot(xOf(100 * packed, axis), y)),
    medianBar(xOf(median, axis), y),
    ...(row.pytorch === undefined ? [] : [peerRing(xOf(row.pytorch.sameRecipe, axis), y)]),
    `<text x="${width - 14}" y="${y + 4}" text-anchor="end">${median.toFixed(2)}</text>`,
  ];
}

const seedDot = (x: string | number, y: number): string =>
  `<circle class="seed" cx="${x}" cy="${y}" r="4.5"/>`;

const medianBar = (x: string | number, y: number): string =>
  `<line class="median" x1="${x}" x2="${x}" y1="${y - 9}" y2="${y + 9}" stroke-width="3"/>`;

const peerRing = (x: string | number, y: number): string =>
  `<circle class="peer" cx="${x}" cy="${y}" r="6" stroke-width="2"/>`;

function legend(): string[] {
  const y = 26;
  const text = (x: number, words: string): string => `<text x="${x}" y="${y + 4}">${words}</text>`;
  return [
    seedDot(labelWidth + 6, y),
    text(labelWidth + 18, 'a seed'),
    medianBar(labelWidth + 90, y),
    text(labelWidth + 100, 'median'),
    peerRing(labelWidth + 178, y),
    text(labelWidth + 192, 'PyTorch, same recipe'),
  ];
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
