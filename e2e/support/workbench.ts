/** What a person does in the window, in the words of the window. */
import { expect, type Page } from '@playwright/test';

export type View = 'Distribution' | 'Error' | 'Training' | 'Compare' | 'Export';

export async function projectIsOpen(page: Page): Promise<void> {
  await expect(page.getByRole('listbox', { name: 'Layers' })).toBeVisible({ timeout: 30_000 });
}

export async function showView(page: Page, view: View): Promise<void> {
  await page.getByRole('tab', { name: view }).click();
  await expect(page.getByRole('tabpanel', { name: view })).toBeVisible();
}

export async function selectLayer(page: Page, name: string): Promise<void> {
  await page.getByRole('option', { name: new RegExp(`^${name.replaceAll('.', '\\.')}`) }).click();
}

export async function selectAllLayers(page: Page): Promise<void> {
  const list = page.getByRole('listbox', { name: 'Layers' });
  await list.focus();
  await page.keyboard.press('Control+A');
}

export async function choosePreset(page: Page, label: string): Promise<void> {
  await page.getByRole('button', { name: label, exact: true }).click();
}

/** Opens the training section when it is closed, and sets its numbers. */
export async function setTraining(page: Page, fields: Record<string, number>): Promise<void> {
  const panel = page.getByRole('complementary', { name: 'Quantizer' });
  const first = Object.keys(fields)[0] ?? 'Epochs';
  if (!(await panel.getByLabel(first, { exact: true }).isVisible())) {
    await panel.getByRole('button', { name: /^Training/ }).click();
  }
  for (const [label, value] of Object.entries(fields)) {
    const field = panel.getByLabel(label, { exact: true });
    await field.fill(String(value));
    await field.press('Enter');
  }
}

const header = (page: Page) => page.getByRole('banner');

export async function prepare(page: Page): Promise<void> {
  await header(page).getByRole('button', { name: 'Prepare' }).click();
}

export async function quantize(page: Page): Promise<void> {
  await header(page).getByRole('button', { name: 'Quantize' }).click();
}

/** Every layer of the list is in this state. */
export async function layersAre(page: Page, state: 'as loaded' | 'prepared' | 'quantized'): Promise<void> {
  const options = page.getByRole('option');
  const count = await options.count();
  expect(count).toBeGreaterThan(0);
  for (let index = 0; index < count; index += 1) {
    await expect(options.nth(index)).toHaveAttribute('aria-label', new RegExp(`, ${state}`));
  }
}

export async function train(page: Page): Promise<void> {
  await header(page).getByRole('button', { name: 'Train', exact: true }).click();
  await expect(page.getByRole('region', { name: /^Run / })).toBeVisible({ timeout: 30_000 });
}

/** Waits until no training runs any more. */
export async function trainingEnded(page: Page, timeout = 120_000): Promise<void> {
  await expect(page.getByRole('button', { name: 'Cancel training' })).toHaveCount(0, { timeout });
}
