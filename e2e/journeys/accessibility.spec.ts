import { expect, test } from '@playwright/test';
import { axeViolations } from '../support/axe.js';
import { answerDialogs, launch, showTheme } from '../support/launch.js';
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
  const { app, page } = workbench;
  await projectIsOpen(page);
  const panel = page.getByRole('complementary', { name: 'Quantizer' });
  for (const section of ['Calibration inputs', 'Layer training', 'Training']) {
    const button = panel.getByRole('button', { name: new RegExp(`^${section}`), expanded: false });
    if (await button.count()) await button.first().click();
  }
  const inBothThemes = async (what: string, show: () => Promise<void>) => {
    for (const theme of ['dark', 'light'] as const) {
      await showTheme(workbench, theme);
      await show();
      await page.waitForTimeout(400);
      expect(await axeViolations(page), `${what}, ${theme}`).toEqual([]);
    }
  };
  const asItIs = async () => undefined;
  for (const view of ['Training', 'Compare', 'Export'] as const) {
    await inBothThemes(`empty ${view}`, () => showView(page, view));
  }
  await setTraining(page, { Epochs: 1 });
  await train(page);
  await trainingEnded(page);
  for (const view of views) await inBothThemes(view, () => showView(page, view));
  await showView(page, 'Compare');
  await page.getByRole('radio', { name: 'bit-widths' }).click();
  await inBothThemes('bit-widths', asItIs);

  // What an edit adjusted, and an error.
  await panel.getByRole('combobox', { name: 'Method', exact: true }).click();
  await page.getByRole('option', { name: /^IR-Net/ }).click();
  await expect(panel.getByText(/does not go with/).first()).toBeVisible();
  await answerDialogs(app, ['/nowhere/missing.safetensors']);
  await page.keyboard.press('Control+O');
  await expect(page.getByText('E-FILE-MISSING').first()).toBeVisible();
  await inBothThemes('notices', asItIs);
  for (const dialog of ['Quantizer Libraries', 'Keyboard Shortcuts', 'About QAT', 'Error Log']) {
    await page.keyboard.press('Control+K');
    await page.getByRole('combobox').last().fill(dialog);
    await page.keyboard.press('Enter');
    await expect(page.getByRole('dialog')).toBeVisible();
    await inBothThemes(dialog, asItIs);
    await page.keyboard.press('Escape');
    await expect(page.getByRole('dialog')).toHaveCount(0);
  }
  await page.keyboard.press('Control+K');
  await inBothThemes('the palette', asItIs);
  await page.keyboard.press('Escape');
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
