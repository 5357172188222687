import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { soundModel } from '../support/files.js';
import { answerDialogs, launch, temporaryFolder } from '../support/launch.js';
import {
  layersAre,
  prepare,
  projectIsOpen,
  quantize,
  selectAllLayers,
  showView,
} from '../support/workbench.js';

test('a model of one’s own, by command-line argument, dialog and drop: everything but training', async () => {
  const folder = await temporaryFolder('qat-own-');
  const model = join(folder.path, 'own.safetensors');
  await writeFile(model, soundModel());
  const workbench = await launch({ arguments: [model] });
  const { app, page } = workbench;
  await projectIsOpen(page);
  await expect(page.getByRole('option')).toHaveCount(2);

  await expect(page.getByRole('banner').getByRole('button', { name: 'Train', exact: true })).toHaveAttribute(
    'aria-disabled',
    'true',
  );
  await selectAllLayers(page);
  await prepare(page);
  await layersAre(page, 'prepared');
  await quantize(page);
  await layersAre(page, 'quantized');
  await showView(page, 'Export');
  const target = join(folder.path, 'packed.safetensors');
  await answerDialogs(app, [target]);
  await page.getByRole('button', { name: 'Export file…' }).click();
  await expect(page.getByText('Proven equal').first()).toBeVisible({ timeout: 60_000 });
  expect((await readFile(target)).length).toBeGreaterThan(1000);

  // A dialog that is closed changes nothing; another one opens the second model.
  const second = join(folder.path, 'second.safetensors');
  await writeFile(second, soundModel());
  await answerDialogs(app, [null, second]);
  await page.keyboard.press('Control+O');
  await page.keyboard.press('Control+O');
  await expect(page.getByRole('banner')).toContainText('second');
  await workbench.close();
  await folder.remove();
});
