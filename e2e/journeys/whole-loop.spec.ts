import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { answerDialogs, launch, temporaryFolder } from '../support/launch.js';
import {
  choosePreset,
  layersAre,
  prepare,
  projectIsOpen,
  quantize,
  selectAllLayers,
  selectLayer,
  setTraining,
  showView,
  train,
  trainingEnded,
} from '../support/workbench.js';

test('the whole loop on the sample project: quantize, train twice, compare, export, proof', async () => {
  const workbench = await launch();
  const { app, page } = workbench;
  const folder = await temporaryFolder('qat-export-');
  await projectIsOpen(page);
  await expect(page.getByRole('option')).toHaveCount(3);

  await selectLayer(page, 'fc2.weight');
  await expect(page.getByRole('tabpanel', { name: 'Distribution' }).locator('svg').first()).toBeVisible();
  await page.getByRole('radio', { name: '2 bits' }).first().click();
  await expect(page.getByRole('option', { name: /^fc2.weight/ })).toHaveAttribute(
    'aria-label',
    /weights 2 bit/,
  );
  await page.keyboard.press('Control+Z');
  await expect(page.getByRole('option', { name: /^fc2.weight/ })).toHaveAttribute(
    'aria-label',
    /weights 4 bit/,
  );

  await selectAllLayers(page);
  await choosePreset(page, 'W4A4');
  await layersAre(page, 'as loaded');
  await prepare(page);
  await layersAre(page, 'prepared');
  await quantize(page);
  await layersAre(page, 'quantized');
  await showView(page, 'Error');
  await expect(page.getByRole('tabpanel', { name: 'Error' }).getByText('SQNR').first()).toBeVisible();

  await setTraining(page, { Epochs: 1 });
  const panel = page.getByRole('complementary', { name: 'Quantizer' });
  await panel.getByRole('button', { name: /^Loss/ }).click();
  await panel.getByRole('combobox', { name: 'Loss' }).click();
  await page.getByRole('option', { name: /^distillation/ }).click();
  await panel.getByRole('button', { name: /^Quantization in training/ }).click();
  await setTraining(page, { 'From epoch': 0.25 });
  await train(page);
  await trainingEnded(page);
  await expect(page.getByRole('region', { name: /^Run W4A4/ })).toContainText('after');
  await page.getByRole('radio', { name: 'Layers by step' }).click();
  await expect(
    page.getByRole('application', { name: /^Code flips by step\. Last: fc1\.weight \d/ }),
  ).toBeVisible();

  await selectAllLayers(page);
  await choosePreset(page, 'W1A32');
  await train(page);
  await trainingEnded(page);
  await expect(page.getByRole('region', { name: /^Run W1A32/ })).toContainText('after');

  await showView(page, 'Compare');
  const compare = page.getByRole('tabpanel', { name: 'Compare' });
  await expect(compare.getByText('W4A4').first()).toBeVisible();
  await expect(compare.getByText('W1A32').first()).toBeVisible();

  await showView(page, 'Export');
  const target = join(folder.path, 'w1a32.safetensors');
  await answerDialogs(app, [target]);
  await page.getByRole('button', { name: 'Export file…' }).click();
  await expect(page.getByText('Proven equal').first()).toBeVisible({ timeout: 60_000 });
  const sha256 = createHash('sha256')
    .update(await readFile(target))
    .digest('hex');
  await expect(page.getByRole('tabpanel', { name: 'Export' })).toContainText(sha256);
  await page.getByRole('button', { name: 'Verify' }).click();
  await expect(page.getByText('unchanged')).toBeVisible();

  await workbench.close();
  await folder.remove();
});
