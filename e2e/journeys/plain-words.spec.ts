import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, type Locator, test } from '@playwright/test';
import { bell, floatBytes, modelBytes } from '../support/files.js';
import { answerDialogs, launch, temporaryFolder } from '../support/launch.js';
import { projectIsOpen, selectLayer, showView } from '../support/workbench.js';

async function boxOf(locator: Locator) {
  const box = await locator.boundingBox();
  if (!box) throw new Error('not in sight');
  return box;
}

test('a method of one bit: what else changed is said and taken back, and no bits are shown that it has not', async () => {
  const { page, close } = await launch();
  await projectIsOpen(page);
  await selectLayer(page, 'fc2.weight');
  const panel = page.getByRole('complementary', { name: 'Quantizer' });
  await panel.getByRole('combobox', { name: 'Method', exact: true }).click();
  await page.getByRole('option', { name: /^IR-Net/ }).click();
  await expect(panel.getByText('Weight bits became 1 bit: 4 bits does not go with IR-Net.')).toBeVisible();
  await expect(panel.getByText('Grid became binary: signed does not go with IR-Net.')).toBeVisible();

  await showView(page, 'Error');
  const table = page.getByRole('table', { name: 'Errors of fc2.weight by bits' });
  await expect(table.getByRole('row')).toHaveCount(2);
  await expect(page.getByText('IR-Net has 1 bit only.').first()).toBeVisible();

  await panel.getByRole('button', { name: 'Undo' }).click();
  await expect(table.getByRole('row')).toHaveCount(9);
  await expect(panel.getByText(/does not go with/)).toHaveCount(0);
  await expect(panel.getByRole('combobox', { name: 'Method', exact: true })).toContainText('LSQ');
  await close();
});

test('an error stays, covers nothing, and goes with Escape', async () => {
  const { app, page, close } = await launch();
  await projectIsOpen(page);
  await answerDialogs(app, ['/nowhere/missing.safetensors']);
  await page.keyboard.press('Control+O');
  const notice = page.getByRole('region', { name: /^Errors/ }).getByRole('listitem');
  await expect(notice).toContainText('E-FILE-MISSING');
  const covered = await boxOf(notice);
  for (const part of [
    page.getByRole('complementary', { name: 'Quantizer' }),
    page.getByRole('complementary', { name: 'Layers' }),
    page.getByRole('tabpanel'),
  ]) {
    const { y, height } = await boxOf(part);
    expect(y + height).toBeLessThanOrEqual(covered.y + 0.5);
  }
  await page.getByRole('listbox', { name: 'Layers' }).focus();
  await page.keyboard.press('Escape');
  await expect(notice).toHaveCount(0);
  await close();
});

test('long layer names keep what tells them apart, in the list and in the table of an export', async () => {
  const folder = await temporaryFolder('qat-names-');
  const model = join(folder.path, 'long.safetensors');
  const weight = { shape: [16, 32], data: floatBytes(16 * 32, bell) };
  const names = [3, 10].map(
    (layer) => `model.decoder.layers.${layer}.self_attention.query_projection.weight`,
  );
  await writeFile(model, modelBytes(Object.fromEntries(names.map((name) => [name, weight]))));
  const { page, close } = await launch({ arguments: [model] });
  await projectIsOpen(page);
  const list = page.getByRole('listbox', { name: 'Layers' });
  for (const [index, name] of names.entries()) {
    const row = list
      .getByRole('option')
      .filter({ has: page.getByText(new RegExp(`^…${[3, 10][index]}[.]`)) });
    await expect(row).toHaveCount(1);
    await expect(list.getByTitle(name)).toBeVisible();
  }
  await showView(page, 'Export');
  for (const name of names) {
    const shown = page.getByRole('tabpanel').getByTitle(name);
    await expect(shown).toHaveText(name);
    // The end is drawn whole: it is what differs between the weights of a block.
    const end = shown.locator('span').last();
    expect(await end.evaluate((element) => element.scrollWidth <= element.clientWidth)).toBe(true);
  }
  await close();
  await folder.remove();
});
