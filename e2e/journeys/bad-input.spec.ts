import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { withSmallDisk } from '../../electron/formats/test-support.js';
import { soundModel, writeBadFiles } from '../support/files.js';
import { answerDialogs, launch, temporaryFolder, type Workbench } from '../support/launch.js';
import {
  choosePreset,
  layersAre,
  projectIsOpen,
  quantize,
  selectAllLayers,
  selectLayer,
  showView,
} from '../support/workbench.js';

/** The newest error on screen carries this code and a remedy; it is dismissed, and the app is alive. */
async function expectError({ page }: Workbench, code: string): Promise<void> {
  const toast = page.getByRole('status').or(page.getByRole('alert')).or(page.getByRole('listitem'));
  await expect(toast.filter({ hasText: code }).first(), code).toBeVisible();
  for (const dismiss of await page.getByRole('button', { name: 'Dismiss' }).all()) {
    await dismiss.click({ timeout: 2000 }).catch(() => undefined); // It may have gone by itself.
  }
  await expect(page.getByText(code)).toHaveCount(0);
}

async function logOf({ userData }: Workbench): Promise<string> {
  return readFile(join(userData, 'logs', 'main.log'), 'utf8');
}

test('broken files: each a clear error in the window and in the log, the app alive', async () => {
  const folder = await temporaryFolder('qat-bad-');
  const bad = await writeBadFiles(folder.path);
  const workbench = await launch();
  const { app, page } = workbench;
  await projectIsOpen(page);
  const open = async (name: string) => {
    await answerDialogs(app, [join(folder.path, name)]);
    await page.keyboard.press('Control+O');
  };
  for (const { name, code } of bad) {
    await open(name);
    await expectError(workbench, code);
    expect(await logOf(workbench), `${code} in the log`).toContain(code);
  }
  await open('a-folder');
  await expectError(workbench, 'E-FILE-FORMAT-UNKNOWN');
  await open('missing.safetensors');
  await expectError(workbench, 'E-FILE-MISSING');
  // The sample is still there, untouched.
  await expect(page.getByRole('option')).toHaveCount(3);
  await selectLayer(page, 'fc1.weight');

  for (const name of ['nan.safetensors', 'infinity.safetensors']) {
    await open(name);
    await expect(page.getByText('E-WEIGHT-NOT-FINITE').first()).toBeVisible();
    await expect(page.getByText(/1234|index/).first()).toBeVisible();
    await expect(page.getByRole('option')).toHaveCount(1);
  }
  expect(await logOf(workbench)).toContain('E-WEIGHT-NOT-FINITE');
  await workbench.close();
  await folder.remove();
});

test('a data set with a wrong magic number is refused and the old one stays', async () => {
  const folder = await temporaryFolder('qat-bad-idx-');
  await writeBadFiles(folder.path);
  const workbench = await launch();
  const { app, page } = workbench;
  await projectIsOpen(page);
  await answerDialogs(app, [join(folder.path, 'wrong-magic')]);
  await app.evaluate(({ Menu }) => Menu.getApplicationMenu()?.getMenuItemById('file.openDataset')?.click());
  await expectError(workbench, 'E-IDX-MAGIC');
  await expect(
    page.getByRole('banner').getByRole('button', { name: 'Train', exact: true }),
  ).not.toHaveAttribute('aria-disabled', 'true');
  await workbench.close();
  await folder.remove();
});

test('an argument that cannot be opened leaves a start screen that says why', async () => {
  const folder = await temporaryFolder('qat-bad-argument-');
  const path = join(folder.path, 'cut.safetensors');
  await writeFile(path, soundModel().subarray(0, 200));
  const workbench = await launch({ arguments: [path] });
  const { page } = workbench;
  await expect(page.getByText('E-SAFETENSORS-TRUNCATED').first()).toBeVisible();
  await page.getByRole('button', { name: /Open the sample project/ }).click();
  await projectIsOpen(page);
  await workbench.close();
  await folder.remove();
});

test('a full disk and a read-only folder while exporting: nothing half-written, and the next try works', async () => {
  const folder = await temporaryFolder('qat-disk-');
  const workbench = await launch();
  const { app, page } = workbench;
  await projectIsOpen(page);
  await selectAllLayers(page);
  await choosePreset(page, 'W4A4');
  await quantize(page);
  await layersAre(page, 'quantized');
  await showView(page, 'Export');
  const target = join(folder.path, 'w4a4.safetensors');
  const exportTo = async (path: string) => {
    await answerDialogs(app, [path]);
    await page.getByRole('button', { name: 'Export file…' }).click();
  };
  // The packed sample needs about 150 KiB.
  const reason = await withSmallDisk(folder.path, 64, async (remountReadOnly) => {
    await writeFile(target, 'the export before');
    await exportTo(target);
    await expectError(workbench, 'E-DISK-FULL');
    expect(await readdir(folder.path)).toEqual(['w4a4.safetensors']);
    expect(await readFile(target, 'utf8')).toBe('the export before');
    remountReadOnly();
    await exportTo(join(folder.path, 'other.safetensors'));
    await expectError(workbench, 'E-DISK-READ-ONLY');
    expect(await readdir(folder.path)).toEqual(['w4a4.safetensors']);
  });
  test.skip(reason !== undefined, reason);
  const log = await logOf(workbench);
  for (const code of ['E-DISK-FULL', 'E-DISK-READ-ONLY']) expect(log).toContain(code);
  await expect(page.getByText('Proven equal')).toHaveCount(0);
  await exportTo(target);
  await expect(page.getByText('Proven equal').first()).toBeVisible({ timeout: 60_000 });
  await workbench.close();
  await folder.remove();
});
