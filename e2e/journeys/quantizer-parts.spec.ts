import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { answerDialogs, launch, temporaryFolder } from '../support/launch.js';
import {
  choosePreset,
  layersAre,
  prepare,
  projectIsOpen,
  quantize,
  selectAllLayers,
  setTraining,
  showView,
  train,
  trainingEnded,
} from '../support/workbench.js';

async function choose(page: Page, control: string, option: RegExp): Promise<void> {
  const panel = page.getByRole('complementary', { name: 'Quantizer' });
  await panel.getByRole('combobox', { name: control, exact: true }).click();
  await page.getByRole('option', { name: option }).first().click();
}

/** Weight methods that bring a grid of their own, and how the layers then show. */
const methods = [
  { method: /^TTQ/, bits: /weights 2 bit/, grid: 'ternary', learningRate: 0.001 },
  { method: /^DoReFa/, bits: /weights 4 bit/, grid: 'mid-rise', learningRate: 0.001 },
];

for (const { method, bits, grid, learningRate } of methods) {
  test(`${String(method)} with LSQ+ inputs is prepared, trained and exported with its proof`, async () => {
    const { app, page } = await launch();
    const folder = await temporaryFolder('qat-parts-');
    await projectIsOpen(page);
    await selectAllLayers(page);
    await choosePreset(page, 'W4A8');
    await choose(page, 'Method', method);
    await expect(page.getByRole('option', { name: /^fc2.weight/ })).toHaveAttribute('aria-label', bits);
    const panel = page.getByRole('complementary', { name: 'Quantizer' });
    await expect(panel.getByRole('combobox', { name: 'Grid', exact: true })).toContainText(grid);
    await panel.getByRole('button', { name: /^About Method/ }).click();
    await expect(page.getByRole('dialog').locator('pre')).toContainText('ŵ');
    await page.screenshot({ path: join('out', 'tour', `parts-${grid}.png`) });
    await page.keyboard.press('Escape');
    await panel.getByRole('button', { name: /^Activation quantizer/ }).click();
    await choose(page, 'Activation method', /^LSQ\+/);

    await prepare(page);
    await layersAre(page, 'prepared');
    await quantize(page);
    await layersAre(page, 'quantized');
    await setTraining(page, { Epochs: 2, 'Learning rate': learningRate });
    await train(page);
    await trainingEnded(page);
    await expect(page.getByRole('region', { name: /^Run / })).toContainText('after');

    await showView(page, 'Export');
    await answerDialogs(app, [join(folder.path, 'parts.safetensors')]);
    await page.getByRole('button', { name: 'Export file…' }).click();
    await expect(page.getByText('Proven equal').first()).toBeVisible({ timeout: 60_000 });
    await folder.remove();
  });
}
