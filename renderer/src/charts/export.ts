/** A chart as a file: its own <svg> with the theme's colours written out, a picture of it, or its numbers. */

export type Cell = number | string | null;

/** The numbers a chart draws, as drawn. */
export interface ChartTable {
  columns: readonly string[];
  rows: readonly (readonly Cell[])[];
}

export type ChartFileKind = 'svg' | 'png' | 'csv';

const svgNamespace = 'http://www.w3.org/2000/svg';

/** What a style sheet may have set and a stand-alone SVG has to carry itself. */
const inlined = [
  'fill',
  'fill-opacity',
  'stroke',
  'stroke-width',
  'stroke-opacity',
  'stroke-dasharray',
  'stroke-linecap',
  'stroke-linejoin',
  'paint-order',
  'opacity',
  'font-family',
  'font-size',
  'font-weight',
  'text-anchor',
  'visibility',
  'display',
] as const;

function inlineStyles(source: Element, copy: Element): void {
  const computed = getComputedStyle(source);
  for (const name of inlined) {
    const value = computed.getPropertyValue(name);
    if (value) copy.setAttribute(name, value);
  }
  copy.removeAttribute('class');
  copy.removeAttribute('style');
  const children = Array.from(source.children);
  Array.from(copy.children).forEach((child, index) => {
    const twin = children[index];
    if (twin) inlineStyles(twin, child);
  });
}

export interface PictureOptions {
  title: string;
  subtitle?: string | undefined;
}

/** Room above the chart for its title in a saved picture. */
const headingPx = 34;

function textElement(content: string, x: number, y: number, style: Record<string, string>): SVGTextElement {
  const element = document.createElementNS(svgNamespace, 'text');
  element.textContent = content;
  element.setAttribute('x', String(x));
  element.setAttribute('y', String(y));
  for (const [name, value] of Object.entries(style)) element.setAttribute(name, value);
  return element;
}

/** The theme's values at `element`, for what the picture adds to the chart. */
function themeAt(element: Element): { ground: string; ink: string; quiet: string; font: string } {
  const style = getComputedStyle(element);
  const read = (name: string, fallback: string) => style.getPropertyValue(name).trim() || fallback;
  return {
    ground: read('--bg1', '#ffffff'),
    ink: read('--ink', '#141a22'),
    quiet: read('--ink3', '#566474'),
    font: style.fontFamily || 'sans-serif',
  };
}

/** A copy of the chart's <svg> that looks the same anywhere: styles inlined, ground, title. */
export function standaloneSvg(svg: SVGSVGElement, { title, subtitle }: PictureOptions): SVGSVGElement {
  const width = Math.ceil(Number(svg.getAttribute('width')) || svg.clientWidth);
  const height = Math.ceil(Number(svg.getAttribute('height')) || svg.clientHeight);
  const inner = svg.cloneNode(true) as SVGSVGElement;
  inlineStyles(svg, inner);
  for (const [name, value] of Object.entries({ x: 0, y: headingPx, width, height })) {
    inner.setAttribute(name, String(value));
  }
  const theme = themeAt(svg);
  const outer = document.createElementNS(svgNamespace, 'svg');
  outer.setAttribute('xmlns', svgNamespace);
  outer.setAttribute('width', String(width));
  outer.setAttribute('height', String(height + headingPx));
  outer.setAttribute('viewBox', `0 0 ${width} ${height + headingPx}`);
  const ground = document.createElementNS(svgNamespace, 'rect');
  ground.setAttribute('width', '100%');
  ground.setAttribute('height', '100%');
  ground.setAttribute('fill', theme.ground);
  const font = { 'font-family': theme.font, 'font-size': '13' };
  const heading = textElement(title, 12, 22, { ...font, fill: theme.ink, 'font-weight': '600' });
  if (subtitle) {
    const quiet = document.createElementNS(svgNamespace, 'tspan');
    quiet.textContent = `  ${subtitle}`;
    quiet.setAttribute('fill', theme.quiet);
    quiet.setAttribute('font-weight', '400');
    quiet.setAttribute('dx', '8');
    heading.append(quiet);
  }
  outer.append(ground, heading, inner);
  return outer;
}

export function svgText(svg: SVGSVGElement, options: PictureOptions): string {
  const text = new XMLSerializer().serializeToString(standaloneSvg(svg, options));
  return `<?xml version="1.0" encoding="UTF-8"?>\n${text}\n`;
}

/** Twice the size on screen, so that it stays sharp in a paper. */
const pictureScale = 2;

async function loadImage(url: string): Promise<HTMLImageElement> {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

export async function pngBlob(svg: SVGSVGElement, options: PictureOptions): Promise<Blob> {
  const url = URL.createObjectURL(new Blob([svgText(svg, options)], { type: 'image/svg+xml' }));
  try {
    const image = await loadImage(url);
    const canvas = document.createElement('canvas');
    canvas.width = image.width * pictureScale;
    canvas.height = image.height * pictureScale;
    const context = canvas.getContext('2d');
    if (!context) throw new Error('The picture could not be drawn: no canvas is available.');
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
    if (!blob) throw new Error('The picture could not be encoded as PNG.');
    return blob;
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** The bytes of a blob as base64, without the data URL's head. */
export async function base64Of(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const chunk = 0x8000;
  let binary = '';
  for (let start = 0; start < bytes.length; start += chunk) {
    binary += String.fromCharCode(...bytes.subarray(start, start + chunk));
  }
  return btoa(binary);
}

/** A leading =, +, @ or a minus before letters would run as a formula in a spreadsheet. */
function harmless(text: string): string {
  return /^[=+@\t\r]|^-(?![\d.])/.test(text) ? `'${text}` : text;
}

function csvCell(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell === 'number') return Number.isFinite(cell) ? String(cell) : '';
  const text = harmless(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** RFC 4180; numbers in full precision with a point. */
export function csvText(table: ChartTable): string {
  const lines = [table.columns.map(csvCell), ...table.rows.map((row) => row.map(csvCell))];
  return `${lines.map((line) => line.join(',')).join('\r\n')}\r\n`;
}

function tsvCell(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell === 'number') return Number.isFinite(cell) ? String(cell) : '';
  return harmless(cell).replace(/[\t\r\n]+/g, ' ');
}

/** For pasting into a spreadsheet. */
export function tsvText(table: ChartTable): string {
  const lines = [table.columns.map(tsvCell), ...table.rows.map((row) => row.map(tsvCell))];
  return `${lines.map((line) => line.join('\t')).join('\n')}\n`;
}

/** A file name that every system takes, without an extension. */
export function fileStem(title: string): string {
  const stem = title
    .normalize('NFKD')
    .replace(/[^\w.-]+/g, '-')
    .replace(/-{2,}/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '');
  return stem.slice(0, 100) || 'chart';
}
