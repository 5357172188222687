/**
 * How long a person waits with large layers: a program that measures, not a test that judges. Selecting a
 * 4096×4096 layer for the first time (analysed and drawn), changing its bits when it has been looked at for a
 * while, and changing them at once. Leaves out/tour/large-layer.json.
 */
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, type Page, test } from '@playwright/test';
import { bell, floatBytes } from '../support/files.js';
import { launch, temporaryFolder } from '../support/launch.js';
import { projectIsOpen } from '../support/workbench.js';

const out = resolve(fileURLToPath(new URL('.', import.meta.url)), '../../out/tour');
const side = 4096;
const small = 'first';
const large = Array.from({ length: 8 }, (_, index) => `large.${index}`);
const layers = [small, ...large];

/** One small layer, which the app selects when it opens the file, and eight of 4096×4096. */
async function writeLargeModel(path: string): Promise<void> {
  const header: Record<string, object> = {};
  let offset = 0;
  for (const name of layers) {
    const rows = name === small ? 8 : side;
    const end = offset + rows * side * 4;
    header[`${name}.weight`] = { dtype: 'F32', shape: [rows, side], data_offsets: [offset, end] };
    offset = end;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const file = await open(path, 'w');
  await file.write(length);
  await file.write(text);
  const block = floatBytes(side * 64, bell);
  for (let written = 0; written < offset; written += block.length) {
    await file.write(block.subarray(0, Math.min(block.length, offset - written)));
  }
  // Or the machine would still be writing while we measure.
  await file.sync();
  await file.close();
}

/**
 * Milliseconds from the click on `selector` until the distribution, the figures of the layer and the curve of
 * errors by bits have their answers on screen: two animation frames after nothing is awaited any more.
 */
async function waitAfterClick(page: Page, selector: string, layer: string): Promise<number> {
  return page.evaluate(
    async ([target, wanted]) => {
      const element = document.querySelector<HTMLElement>(target ?? '');
      if (!element) throw new Error(`nothing to click at ${target}`);
      const frame = () => new Promise((done) => requestAnimationFrame(done));
      const answered = () => {
        const view = document.querySelector('[data-panel="views"]');
        const panel = document.querySelector('[data-panel="quantizer"]');
        const titles = [...(view?.querySelectorAll('h2, h3') ?? [])].map((title) => title.textContent ?? '');
        const waiting = document.querySelector(
          '[data-panel="views"] [aria-busy], [data-panel="quantizer"] [aria-busy]',
        );
        // The figures show their native milliseconds only when they are of the current question.
        return (
          !waiting &&
          titles.some((title) => title.includes(wanted ?? '')) &&
          / ms/.test(panel?.textContent ?? '')
        );
      };
      const startedAt = performance.now();
      element.click();
      await frame();
      while (!answered()) {
        if (performance.now() - startedAt > 30_000) throw new Error('no answer within 30 s');
        await frame();
      }
      await frame();
      return performance.now() - startedAt;
    },
    [selector, layer],
  );
}

const bitsRadio = (bits: number) =>
  `[data-panel="quantizer"] [role="radiogroup"] [role="radio"]:nth-of-type(${bits})`;

/** Every wait in order, so that warming up can be seen, and the middle and the worst one. */
function summary(milliseconds: number[]) {
  const sorted = [...milliseconds].sort((a, b) => a - b);
  return {
    all: milliseconds.map(Math.round),
    median: Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0),
    worst: Math.round(sorted.at(-1) ?? 0),
  };
}

test('waiting with 4096×4096 layers', async () => {
  await mkdir(out, { recursive: true });
  const folder = await temporaryFolder('qat-large-');
  const model = join(folder.path, 'large.safetensors');
  await writeLargeModel(model);
  const workbench = await launch({ arguments: [model] });
  const { page } = workbench;
  await projectIsOpen(page);
  await expect(page.getByRole('option')).toHaveCount(layers.length);
  // The small histograms of the list are there: the layers have been read.
  await expect(page.locator('[data-layer] svg path')).toHaveCount(layers.length);

  const select: number[] = [];
  const bitsAtOnce: number[] = [];
  const bitsLater: number[] = [];
  for (const [index, name] of large.entries()) {
    select.push(await waitAfterClick(page, `[data-layer="${name}.weight"]`, name));
    if (index % 2 === 0) {
      bitsAtOnce.push(await waitAfterClick(page, bitsRadio(3), name));
      continue;
    }
    await page.waitForTimeout(1500);
    for (const bits of [3, 5, 6, 7, 2, 8]) {
      bitsLater.push(await waitAfterClick(page, bitsRadio(bits), name));
      await page.waitForTimeout(300);
    }
  }
  const figures = {
    madeAt: new Date().toISOString(),
    unit: 'ms',
    selectFirstTime: summary(select),
    changeBits: summary(bitsLater),
    changeBitsAtOnce: summary(bitsAtOnce),
  };
  await writeFile(join(out, 'large-layer.json'), `${JSON.stringify(figures, null, 2)}\n`);
  console.log(JSON.stringify(figures));
  await workbench.close();
  await folder.remove();
});
