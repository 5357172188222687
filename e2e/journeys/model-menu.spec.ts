import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ElectronApplication, expect, type Page, test } from '@playwright/test';
import { axeViolations } from '../support/axe.js';
import { convolutionalModel } from '../support/convolutional.js';
import {
  answerDialogs,
  launch,
  resize,
  showTheme,
  temporaryFolder,
  type Workbench,
} from '../support/launch.js';
import { projectIsOpen } from '../support/workbench.js';

const sizes = [
  { width: 1280, height: 800 },
  { width: 1920, height: 1080 },
];

async function chooseInMenu(app: ElectronApplication, id: string): Promise<void> {
  await app.evaluate(({ Menu }, wanted) => {
    Menu.getApplicationMenu()?.getMenuItemById(wanted)?.click();
  }, id);
}

/** In both themes and sizes; axe looks at each theme. */
async function picture(workbench: Workbench, name: string): Promise<void> {
  const { app, page } = workbench;
  for (const size of sizes) {
    await resize(app, size);
    for (const theme of ['dark', 'light'] as const) {
      await showTheme(workbench, theme);
      await page.waitForTimeout(300);
      await page.screenshot({ path: join('out', 'tour', `${name}-${theme}-${size.width}.png`) });
      expect(await axeViolations(page), `${name}, ${theme}`).toEqual([]);
    }
  }
}

const layers = (page: Page) => page.getByRole('listbox', { name: 'Layers' }).getByRole('option');

test('batch norms are folded and layers equalised into a proven new file, which is opened', async () => {
  const folder = await temporaryFolder('qat-transform-');
  const model = join(folder.path, 'conv.safetensors');
  await writeFile(model, await convolutionalModel());
  const before = await readFile(model);
  const workbench = await launch({ arguments: [model, join('assets', 'sample', 'fashion-mnist')] });
  const { app, page } = workbench;
  await projectIsOpen(page);
  await expect(layers(page)).toHaveCount(6);

  await page.keyboard.press('Control+K');
  await page.keyboard.type('fold and equalise');
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Fold and equalise' });
  const norms = dialog.getByRole('region', { name: 'Batch norms to fold' });
  await expect(norms.getByRole('checkbox', { checked: true })).toHaveCount(3);
  await expect(norms).toContainText('It is behind add, not directly behind a linear layer or convolution.');
  const pairs = dialog.getByRole('region', { name: 'Layers to equalise' });
  const depthwise = pairs.getByRole('checkbox', { name: /^stem\.weight and depth\.weight over relu/ });
  await expect(depthwise).toBeChecked();
  await expect(pairs).toContainText('What it gives goes to 2 nodes: conv2d, add behind relu.');
  // A pair behind a batch norm needs it folded.
  await norms.getByRole('checkbox', { name: 'stem_norm into stem.weight' }).focus();
  await page.keyboard.press('Space');
  await expect(depthwise).toBeDisabled();
  await expect(pairs).toContainText('Fold stem_norm first.');
  await page.keyboard.press('Space');
  await expect(depthwise).toBeChecked();
  const table = dialog.getByRole('table', { name: 'Weights that change' });
  await expect(table.getByRole('row')).toHaveCount(6);
  await picture(workbench, 'transform');
  await norms.getByRole('button', { name: 'About Batch-norm folding' }).click();
  await expect(page.getByText('W ← k·W, b ← k·(b − μ) + β')).toBeVisible();
  await page.waitForTimeout(300);
  await page.screenshot({ path: join('out', 'tour', 'transform-note.png') });
  await page.keyboard.press('Escape');
  await expect(dialog).toBeVisible();

  const out = join(folder.path, 'folded.safetensors');
  await answerDialogs(app, [null, out]);
  const write = dialog.getByRole('button', { name: 'Write new file…' });
  await write.click(); // The save dialog is closed: nothing happens.
  await write.click();
  await expect(dialog.getByText('Proven: the same outputs')).toBeVisible({ timeout: 60_000 });
  await expect(dialog.getByRole('region', { name: 'Proof' })).toContainText(/2.000 of 2.000/);
  await picture(workbench, 'transform-proof');
  expect((await readFile(model)).equals(before)).toBe(true);
  await dialog.getByRole('button', { name: 'Open the new file' }).click();
  await expect(page.getByRole('banner')).toContainText('folded', { timeout: 30_000 });
  await expect(layers(page)).toHaveCount(6);
  await expect(
    page.getByRole('banner').getByRole('button', { name: 'Train', exact: true }),
  ).not.toHaveAttribute('aria-disabled', 'true', { timeout: 30_000 });
  // What is folded cannot be folded again.
  await chooseInMenu(app, 'model.transform');
  await expect(dialog.getByRole('region', { name: 'Batch norms to fold' }).getByRole('checkbox')).toHaveCount(
    1,
  );
  await page.keyboard.press('Escape');
  await workbench.close();
  await folder.remove();
});

test('bits are allocated within a budget and applied in one step', async () => {
  const workbench = await launch();
  const { app, page } = workbench;
  await projectIsOpen(page);
  await chooseInMenu(app, 'model.allocate');
  const dialog = page.getByRole('dialog', { name: 'Allocate bits' });
  const table = dialog.getByRole('table', { name: 'Bits of the layers' });
  await expect(table.getByRole('row')).toHaveCount(4, { timeout: 60_000 });
  const budget = dialog.getByLabel('Mean bits a weight', { exact: true });
  await budget.fill('2.6');
  await budget.press('Enter');
  const apply = dialog.getByRole('button', { name: /^Apply/ });
  await expect(apply).toHaveText('Apply to 2 layers', { timeout: 30_000 });
  await picture(workbench, 'allocate');

  await budget.fill('1.2');
  await budget.press('Enter');
  await expect(dialog.getByRole('alert')).toContainText('2.00 bits a weight');
  await page.screenshot({ path: join('out', 'tour', 'allocate-refused.png') });
  await dialog.getByRole('combobox', { name: 'Errors of' }).click();
  await page.getByRole('option', { name: /^weights alone/ }).click();
  await budget.fill('2.6');
  await budget.press('Enter');
  await dialog.getByRole('checkbox', { name: 'Keep fc2.weight' }).click();
  await expect(table.getByRole('columnheader', { name: 'weight SQNR' })).toBeVisible();
  await expect(table.getByRole('row', { name: /fc2\.weight/ })).not.toContainText('becomes');
  await dialog.getByRole('checkbox', { name: 'Keep fc2.weight' }).click();
  await expect(apply).toHaveText('Apply to 2 layers', { timeout: 30_000 });
  await apply.click();
  await expect(dialog).toBeHidden();
  const bits = async () =>
    Promise.all((await layers(page).all()).map(async (row) => (await row.getAttribute('aria-label')) ?? ''));
  const given = await bits();
  expect(given.join()).toMatch(/W2.*W4.*W8/);
  await page.keyboard.press('Control+Z');
  await expect(layers(page).first()).toHaveAttribute('aria-label', /W4/);
  expect((await bits()).join()).toMatch(/W4.*W4.*W4/);
  await workbench.close();
});
