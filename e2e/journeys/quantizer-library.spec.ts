import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { answerDialogs, answerQuestions, launch, showTheme, temporaryFolder } from '../support/launch.js';
import {
  layersAre,
  prepare,
  projectIsOpen,
  quantize,
  selectAllLayers,
  showView,
} from '../support/workbench.js';

function buildExample(library: string): void {
  const flags = ['-std=c99', '-O2', '-shared', '-fPIC', '-I', 'native/include'];
  execFileSync(process.env.CC || 'cc', [...flags, 'native/examples/geometric.c', '-o', library, '-lm']);
}

async function openLibraries(page: Page): Promise<void> {
  await page.keyboard.press('Control+K');
  await page.getByRole('combobox').last().fill('Quantizer Libraries');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog', { name: 'Quantizer libraries' })).toBeVisible();
}

test('a quantizer library: refused by default, added, used, exported with its name, there after a restart', async () => {
  const folder = await temporaryFolder('qat-library-');
  const userData = join(folder.path, 'user');
  const library = join(folder.path, 'geometric.so');
  buildExample(library);
  let workbench = await launch({ userData });
  const { app, page } = workbench;
  await projectIsOpen(page);
  await openLibraries(page);
  const dialog = page.getByRole('dialog', { name: 'Quantizer libraries' });
  const add = dialog.getByRole('button', { name: 'Add quantizer library…' });

  await answerDialogs(app, [library, library]);
  await answerQuestions(app, [1, 0]);
  await add.click();
  await expect(dialog.getByText(/None is added/)).toBeVisible();
  await add.click();
  await expect(dialog.getByRole('listitem')).toContainText('geometric 1.0');
  for (const theme of ['light', 'dark'] as const) {
    await showTheme(workbench, theme);
    await page.screenshot({ path: join('out', 'tour', `libraries-${theme}.png`) });
  }
  await page.keyboard.press('Escape');

  await selectAllLayers(page);
  const panel = page.getByRole('complementary', { name: 'Quantizer' });
  await panel.getByRole('combobox', { name: 'Method', exact: true }).click();
  await page.getByRole('option', { name: /^geometric/ }).click();
  await expect(panel.getByText('ŵ = level[q]')).toBeVisible();
  await prepare(page);
  await layersAre(page, 'prepared');
  await quantize(page);
  await layersAre(page, 'quantized');
  await page.screenshot({ path: join('out', 'tour', 'library-layer.png') });
  await showView(page, 'Export');
  await answerDialogs(app, [join(folder.path, 'library.safetensors')]);
  await page.getByRole('button', { name: 'Export file…' }).click();
  await expect(page.getByText('Proven equal').first()).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText(/geometric 1\.0/).first()).toBeVisible();
  await workbench.close();

  workbench = await launch({ userData });
  await projectIsOpen(workbench.page);
  await openLibraries(workbench.page);
  await expect(workbench.page.getByRole('listitem').filter({ hasText: 'geometric 1.0' })).toBeVisible();
  await workbench.close();
  await folder.remove();
});
