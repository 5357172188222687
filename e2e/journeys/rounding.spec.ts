import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
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

async function choose(page: Page, control: string, option: RegExp): Promise<void> {
  await quantizerPanel(page).getByRole('combobox', { name: control, exact: true }).click();
  await page.getByRole('option', { name: option }).first().click();
}

/** The error of the output in dB, as the card of the outcome says it. */
async function decibels(page: Page, row: 'nearest' | 'now'): Promise<number> {
  const text = await quantizerPanel(page)
    .getByText('output error')
    .locator('xpath=ancestor::*[.//dl][1]')
    .locator('dt', { hasText: row })
    .locator('xpath=following-sibling::dd[1]')
    .innerText();
  return Number.parseFloat(text.replace('−', '-'));
}

test('GPTQ on captured inputs wins over nearest and is exported with its proof; a layer is trained on drawn inputs', async () => {
  const workbench = await launch();
  const { app, page } = workbench;
  const folder = await temporaryFolder('qat-rounding-');
  await resize(app, { width: 1280, height: 800 });
  await projectIsOpen(page);
  await selectAllLayers(page);
  await choosePreset(page, 'W2A4');
  await choose(page, 'Rounding', /^GPTQ/);
  const panel = quantizerPanel(page);
  await panel.getByRole('button', { name: /^Calibration inputs/ }).click();
  await expect(panel.getByRole('combobox', { name: 'Inputs', exact: true })).toContainText('captured');
  await quantize(page);
  await layersAre(page, 'quantized');
  await selectLayer(page, 'fc2.weight');
  expect(await decibels(page, 'now')).toBeLessThan((await decibels(page, 'nearest')) - 1);
  for (const theme of ['dark', 'light'] as const) {
    await showTheme(workbench, theme);
    await panel.getByText('output error').scrollIntoViewIfNeeded();
    await page.screenshot({ path: join('out', 'tour', `rounding-${theme}.png`) });
  }

  await showView(page, 'Export');
  await answerDialogs(app, [join(folder.path, 'gptq.safetensors')]);
  await page.getByRole('button', { name: 'Export file…' }).click();
  await expect(page.getByText('Proven equal').first()).toBeVisible({ timeout: 60_000 });

  await choose(page, 'Rounding', /^Nearest/);
  // A file that is none is refused when it is chosen, not when the layer is worked on.
  const other = join(folder.path, 'inputs.npy');
  await writeFile(other, 'nothing of the kind');
  await choose(page, 'Inputs', /^file/);
  await answerDialogs(app, [other]);
  await panel.getByRole('button', { name: 'Choose…' }).click();
  // The error itself: it is read out from another element.
  const errors = page.getByRole('region', { name: /^Errors/ });
  await expect(errors.getByText(/Save a float32 matrix with numpy\.save/)).toBeVisible();
  await expect(panel.getByRole('button', { name: 'Choose…' })).toBeVisible();
  await choose(page, 'Inputs', /^drawn/);
  await panel.getByRole('button', { name: /^Layer training/ }).click();
  await expect(panel.getByText(/nothing below zero reaches fc2\.weight/)).toBeVisible();
  await panel.getByLabel('Layer epochs', { exact: true }).fill('0');
  await expect(panel.getByRole('alert')).toHaveText(/^1 to 10.000, whole$/);
  await panel.getByLabel('Layer epochs', { exact: true }).fill('5');
  await panel.getByLabel('Layer epochs', { exact: true }).press('Enter');
  await page.screenshot({ path: join('out', 'tour', 'layer-training.png') });
  await panel.getByRole('button', { name: 'Train layer' }).click();
  await expect(panel.getByText('Trained by itself')).toBeVisible({ timeout: 60_000 });
  await expect(panel.getByText(/Measured on drawn inputs/)).toBeVisible();
  expect(await decibels(page, 'now')).toBeLessThan((await decibels(page, 'nearest')) - 1);
  await answerDialogs(app, [join(folder.path, 'trained.safetensors')]);
  await page.getByRole('button', { name: 'Export file…' }).click();
  await expect(page.getByText('trained.safetensors').first()).toBeVisible({ timeout: 60_000 });
  await workbench.close();
  await folder.remove();
});
