/**
 * Pictures of every view, dialog and state in both themes and three sizes, into out/tour: to be looked at.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, type Page, test } from '@playwright/test';
import { bell, floatBytes, modelBytes } from '../support/files.js';
import {
  answerDialogs,
  launch,
  resize,
  showTheme,
  temporaryFolder,
  type Workbench,
} from '../support/launch.js';
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
  type View,
} from '../support/workbench.js';

const out = resolve(fileURLToPath(new URL('.', import.meta.url)), '../../out/tour');
const sizes = [
  { width: 1024, height: 700 },
  { width: 1280, height: 800 },
  { width: 1920, height: 1080 },
];
const views: View[] = ['Distribution', 'Error', 'Training', 'Compare', 'Export'];

/** `show` and a picture, in both themes and every size. */
async function pictures(
  workbench: Workbench,
  name: string,
  show: (page: Page) => Promise<void>,
): Promise<void> {
  const { app, page } = workbench;
  for (const theme of ['dark', 'light'] as const) {
    await showTheme(workbench, theme);
    for (const size of sizes) {
      await resize(app, size);
      await show(page);
      await page.waitForTimeout(400);
      await page.screenshot({ path: join(out, `${name}-${theme}-${size.width}.png`) });
    }
  }
}

/** The quantizer panel, scrolled to this share of its height. */
const scrolledTo = (share: number) => async (page: Page) => {
  await page.getByTestId('quantizer-panel').evaluate((panel, part) => {
    panel.scrollTop = panel.scrollHeight * part;
  }, share);
};
const asItIs = async () => undefined;
const view = (name: View) => (page: Page) => showView(page, name);

async function command(page: Page, words: string): Promise<void> {
  await page.keyboard.press('Control+K');
  await page.getByRole('combobox').last().fill(words);
  await page.keyboard.press('Enter');
}

test('every view with nothing in it, and of one run with its marks', async () => {
  await mkdir(out, { recursive: true });
  const folder = await temporaryFolder('qat-views-');
  const workbench = await launch();
  const { app, page } = workbench;
  await projectIsOpen(page);
  for (const empty of ['Training', 'Compare', 'Export'] as const) {
    await pictures(workbench, `empty-${empty.toLowerCase()}`, view(empty));
  }
  await selectAllLayers(page);
  await choosePreset(page, 'W4A4');
  await prepare(page);
  await quantize(page);
  await layersAre(page, 'quantized');
  const panel = page.getByRole('complementary', { name: 'Quantizer' });
  await setTraining(page, { Epochs: 4 });
  for (const group of [
    'Calibration inputs',
    'Layer training',
    'Loss',
    'Quantization in training',
    'Layer figures',
  ]) {
    const button = panel.getByRole('button', { name: new RegExp(`^${group}`), expanded: false });
    if ((await button.count()) > 0) await button.first().click();
  }
  await pictures(workbench, 'panel-middle', scrolledTo(1 / 3));
  await pictures(workbench, 'panel-end', scrolledTo(1));
  await panel.getByRole('checkbox', { name: 'Freeze batch norm from epoch' }).click();
  await panel.getByRole('checkbox', { name: 'Freeze oscillating weights' }).click();
  await setTraining(page, { 'From epoch': 1, 'Epoch from which batch norm is frozen': 3 });
  await train(page);
  await trainingEnded(page);
  await train(page);
  await trainingEnded(page);
  await showView(page, 'Export');
  await answerDialogs(app, [join(folder.path, 'fashion-w4a4-with-a-long-name-for-a-file.safetensors')]);
  await page.getByRole('button', { name: 'Export file…' }).click();
  await expect(page.getByText('Proven equal').first()).toBeVisible({ timeout: 60_000 });
  await selectLayer(page, 'fc2.weight');
  for (const name of views) await pictures(workbench, name.toLowerCase(), view(name));
  await showView(page, 'Compare');
  await page.getByRole('radio', { name: 'bit-widths' }).click();
  await pictures(workbench, 'compare-bits', asItIs);
  for (const [words, name] of [
    ['Quantizer Libraries', 'dialog-libraries'],
    ['Keyboard Shortcuts', 'dialog-shortcuts'],
    ['About QAT', 'dialog-about'],
    ['Error Log', 'dialog-log'],
  ] as const) {
    await command(page, words);
    await pictures(workbench, name, asItIs);
    await page.keyboard.press('Escape');
  }
  await page.keyboard.press('Control+K');
  await pictures(workbench, 'dialog-palette', asItIs);
  await page.keyboard.press('Escape');
  await answerDialogs(app, [join(folder.path, 'missing.safetensors'), folder.path]);
  await page.keyboard.press('Control+O');
  await expect(page.getByText('E-FILE-MISSING').first()).toBeVisible();
  await pictures(workbench, 'toast', asItIs);
  await workbench.close();
  await folder.remove();
});

test('long names, and a method that has one bit-width only', async () => {
  await mkdir(out, { recursive: true });
  const folder = await temporaryFolder('qat-names-');
  const model = join(folder.path, 'transformer.safetensors');
  const weight = { shape: [64, 96], data: floatBytes(64 * 96, bell) };
  const names = [0, 1, 10].flatMap((index) =>
    ['q_proj', 'k_proj', 'v_proj', 'o_proj'].map(
      (part) => `model.decoder.layers.${index}.self_attention.${part}.weight`,
    ),
  );
  await writeFile(model, modelBytes(Object.fromEntries(names.map((name) => [name, weight]))));
  const workbench = await launch({ arguments: [model] });
  const { page } = workbench;
  await projectIsOpen(page);
  for (const name of ['Distribution', 'Error', 'Compare', 'Export'] as const) {
    await pictures(workbench, `long-${name.toLowerCase()}`, view(name));
  }
  const panel = page.getByRole('complementary', { name: 'Quantizer' });
  for (const [method, name] of [
    [/^IR-Net/, 'irnet'],
    [/^TTQ/, 'ttq'],
    [/^DoReFa/, 'dorefa'],
  ] as const) {
    await panel.getByRole('combobox', { name: 'Method', exact: true }).click();
    await page.getByRole('option', { name: method }).first().click();
    for (const one of ['Distribution', 'Error', 'Compare'] as const) {
      await pictures(workbench, `${name}-${one.toLowerCase()}`, view(one));
    }
  }
  await workbench.close();
  await folder.remove();
});
