import { expect, test } from '@playwright/test';
import { axeViolations } from '../support/axe.js';
import { launch, showTheme } from '../support/launch.js';
import {
  projectIsOpen,
  setTraining,
  showView,
  train,
  trainingEnded,
  type View,
} from '../support/workbench.js';

const views: View[] = ['Distribution', 'Error', 'Training', 'Compare', 'Export'];

test('axe finds nothing on any view, in dark and light', async () => {
  const workbench = await launch();
  const { page } = workbench;
  await projectIsOpen(page);
  await setTraining(page, { Epochs: 1 });
  await train(page);
  await trainingEnded(page);
  for (const theme of ['dark', 'light'] as const) {
    await showTheme(workbench, theme);
    for (const view of views) {
      await showView(page, view);
      await page.waitForTimeout(400);
      expect(await axeViolations(page), `${view}, ${theme}`).toEqual([]);
    }
  }
  await workbench.close();
});

test('the whole loop by keyboard alone', async () => {
  const workbench = await launch();
  const { page } = workbench;
  await projectIsOpen(page);
  await page.keyboard.press('Control+K');
  await page.keyboard.type('select all layers');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('option', { selected: true })).toHaveCount(3);
  await page.keyboard.press('Control+Shift+P');
  await expect(page.getByRole('option', { name: /prepared/ })).toHaveCount(3);
  await page.keyboard.press('Control+Shift+Q');
  await expect(page.getByRole('option', { name: /quantized/ })).toHaveCount(3);
  await page.keyboard.press('Control+2');
  await expect(page.getByRole('tab', { name: 'Error', selected: true })).toBeVisible();
  await page.keyboard.press('F5');
  await expect(page.getByRole('tab', { name: 'Training', selected: true })).toBeVisible();
  await page.keyboard.press('F6');
  await expect(page.getByRole('button', { name: 'Resume training' })).toBeVisible();
  await page.keyboard.press('Shift+F5');
  await trainingEnded(page, 5000);
  await workbench.close();
});
