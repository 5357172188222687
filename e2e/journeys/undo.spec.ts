/** Nothing is lost: what was made of layers comes back with undo, with its quantizer, and after kill -9. */
import { join } from 'node:path';
import { expect, type Locator, type Page, test } from '@playwright/test';
import { answerDialogs, launch, resize, showTheme, temporaryFolder } from '../support/launch.js';
import {
  choosePreset,
  layersAre,
  projectIsOpen,
  quantize,
  selectAllLayers,
  selectLayer,
  showView,
} from '../support/workbench.js';

const quantizerPanel = (page: Page) => page.getByRole('complementary', { name: 'Quantizer' });

/** What choosing the codes won, as the panel says it; every digit counts. */
async function outcome(page: Page): Promise<string> {
  const card = quantizerPanel(page).getByText('output error').locator('xpath=ancestor::*[.//dl][1]');
  return card.innerText();
}

async function noOutcome(page: Page): Promise<void> {
  await expect(quantizerPanel(page).getByText('output error')).toHaveCount(0);
}

const layer = (page: Page, name: string): Locator =>
  page.getByRole('option', { name: new RegExp(`^${name.replaceAll('.', '\\.')}`) });

async function press(page: Page, key: string): Promise<void> {
  await page.getByRole('listbox', { name: 'Layers' }).focus();
  await page.keyboard.press(key);
}

async function inPalette(page: Page, words: string, label = words): Promise<Locator> {
  await page.keyboard.press('Control+K');
  const palette = page.getByRole('dialog');
  await palette.getByRole('combobox').fill(words);
  return palette.getByRole('option', { name: label }).first();
}

test('GPTQ’s result comes back with undo, redo, by hand and after kill -9, and is exported', async () => {
  const data = await temporaryFolder('qat-undo-');
  const first = await launch({ userData: data.path });
  const { app, page } = first;
  await projectIsOpen(page);
  await selectAllLayers(page);
  await choosePreset(page, 'W2A4');
  await quantizerPanel(page).getByRole('combobox', { name: 'Rounding', exact: true }).click();
  await page.getByRole('option', { name: /^GPTQ/ }).first().click();
  await quantize(page);
  await layersAre(page, 'quantized');
  await selectLayer(page, 'fc2.weight');
  const won = await outcome(page);

  await press(page, '4');
  await expect(layer(page, 'fc2.weight')).toHaveAttribute('aria-label', /, as loaded/);
  await noOutcome(page);
  await press(page, 'Control+Z');
  await expect(layer(page, 'fc2.weight')).toHaveAttribute('aria-label', /, quantized/);
  expect(await outcome(page)).toBe(won);
  await press(page, 'Control+Shift+Z');
  await noOutcome(page);
  await press(page, '2');
  await expect(layer(page, 'fc2.weight')).toHaveAttribute('aria-label', /, quantized/);
  expect(await outcome(page)).toBe(won);

  // Reset is a step as well, and says so.
  await selectAllLayers(page);
  await (await inPalette(page, 'Reset Layers to Float')).click();
  await layersAre(page, 'as loaded');
  await expect(await inPalette(page, 'Undo', 'Undo: Reset 3 layers')).toBeVisible();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Undo', exact: true }).hover();
  await expect(page.getByRole('tooltip', { name: /Undo: Reset 3 layers/ })).toBeVisible();
  for (const theme of ['dark', 'light'] as const) {
    for (const [width, height] of [
      [1280, 800],
      [1920, 1080],
    ] as const) {
      await resize(app, { width, height });
      await showTheme(first, theme);
      await page.screenshot({ path: join('out', 'tour', `undo-${theme}-${width}.png`) });
    }
  }
  await resize(app, { width: 1280, height: 800 });
  await page.getByRole('button', { name: 'Undo', exact: true }).click();
  await layersAre(page, 'quantized');
  await selectLayer(page, 'fc2.weight');
  expect(await outcome(page)).toBe(won);

  await showView(page, 'Export');
  await answerDialogs(app, [join(data.path, 'undone.safetensors')]);
  await page.getByRole('button', { name: 'Export file…' }).click();
  await expect(page.getByText('Proven equal').first()).toBeVisible({ timeout: 60_000 });

  await press(page, '4');
  await expect(layer(page, 'fc2.weight')).toHaveAttribute('aria-label', /, as loaded/);
  const gone = new Promise((resolve) => app.process().once('exit', resolve));
  app.process().kill('SIGKILL');
  await gone;

  const second = await launch({ userData: data.path });
  await projectIsOpen(second.page);
  await expect(layer(second.page, 'fc2.weight')).toHaveAttribute('aria-label', /, as loaded/);
  await selectLayer(second.page, 'fc2.weight');
  await press(second.page, '2');
  await expect(layer(second.page, 'fc2.weight')).toHaveAttribute('aria-label', /, quantized/);
  expect(await outcome(second.page)).toBe(won);
  await second.close();
  await data.remove();
});

test('layer training and Quantize are taken back and made again, step by step', async () => {
  const workbench = await launch();
  const { page } = workbench;
  const panel = quantizerPanel(page);
  await projectIsOpen(page);
  await selectAllLayers(page);
  await quantize(page);
  await layersAre(page, 'quantized');
  await selectLayer(page, 'fc3.weight');
  await panel.getByRole('button', { name: /^Layer training/ }).click();
  await panel.getByLabel('Layer epochs', { exact: true }).fill('2');
  await panel.getByLabel('Layer epochs', { exact: true }).press('Enter');
  await panel.getByRole('button', { name: 'Train layer' }).click();
  await expect(panel.getByText('Trained by itself')).toBeVisible({ timeout: 60_000 });
  const won = await outcome(page);
  await press(page, 'Control+Z');
  await noOutcome(page);
  await layersAre(page, 'quantized');
  await press(page, 'Control+Z');
  await layersAre(page, 'as loaded');
  await press(page, 'Control+Shift+Z');
  await layersAre(page, 'quantized');
  await press(page, 'Control+Y');
  expect(await outcome(page)).toBe(won);
  await workbench.close();
});
