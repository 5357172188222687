import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { soundModel } from '../support/files.js';
import { answerDialogs, answerQuestions, launch, temporaryFolder } from '../support/launch.js';
import { projectIsOpen, setTraining, showView, train, trainingEnded } from '../support/workbench.js';

test('a training pauses, resumes and cancels, and the layers are free again', async () => {
  const workbench = await launch();
  const { page } = workbench;
  await projectIsOpen(page);
  await setTraining(page, { Epochs: 200 });
  await train(page);
  await page.getByRole('button', { name: 'Pause training' }).click();
  await expect(page.getByRole('button', { name: 'Resume training' })).toBeVisible();
  await page.getByRole('button', { name: 'Resume training' }).click();
  await expect(page.getByRole('button', { name: 'Pause training' })).toBeVisible();
  await page.getByRole('button', { name: 'Cancel training' }).click();
  await trainingEnded(page, 2000);
  await expect(page.getByRole('region', { name: /^Run / })).toContainText('cancelled');
  await expect(
    page.getByRole('banner').getByRole('button', { name: 'Train', exact: true }),
  ).not.toHaveAttribute('aria-disabled', 'true');
  await workbench.close();
});

test('after kill -9 in a training the project is back, and the run resumes to its end', async () => {
  const data = await temporaryFolder('qat-crash-');
  const first = await launch({ userData: data.path });
  await projectIsOpen(first.page);
  await setTraining(first.page, { Epochs: 12 });
  await train(first.page);
  // Long enough that a checkpoint of an epoch is on the disk.
  await expect(first.page.getByRole('region', { name: /^Run / })).toContainText(/epoch [2-9]/, {
    timeout: 60_000,
  });
  const gone = new Promise((resolve) => first.app.process().once('exit', resolve));
  first.app.process().kill('SIGKILL');
  await gone;

  const second = await launch({ userData: data.path });
  const { page } = second;
  await projectIsOpen(page);
  await expect(page.getByText('Restored after an unexpected end.')).toBeVisible();
  await page
    .getByRole('button', { name: /^Resume / })
    .first()
    .click();
  await showView(page, 'Training');
  await expect(page.getByRole('region', { name: /^Run / })).toContainText('after', { timeout: 120_000 });
  await second.close();

  // Closed in order this time: nothing to restore.
  const third = await launch({ userData: data.path });
  await projectIsOpen(third.page);
  await expect(third.page.getByText('Restored after an unexpected end.')).toHaveCount(0);
  await expect(third.page.getByRole('tab', { name: 'Training', selected: true })).toBeVisible();
  await third.close();
  await data.remove();
});

test('opening another model while one is training asks first, and the training can be resumed later', async () => {
  const folder = await temporaryFolder('qat-suspend-');
  const other = join(folder.path, 'other.safetensors');
  await writeFile(other, soundModel());
  const workbench = await launch();
  const { app, page } = workbench;
  await projectIsOpen(page);
  await setTraining(page, { Epochs: 60 });
  await train(page);
  await answerQuestions(app, [1, 0]);
  await answerDialogs(app, [other, other]);
  await page.keyboard.press('Control+O');
  await expect(page.getByRole('button', { name: 'Cancel training' })).toBeVisible();
  await expect(page.getByRole('option')).toHaveCount(3);
  await page.keyboard.press('Control+O');
  await expect(page.getByRole('option', { name: /^encoder/ })).toHaveCount(2);

  await app.evaluate(({ Menu }) => Menu.getApplicationMenu()?.getMenuItemById('file.openSample')?.click());
  await expect(page.getByRole('option')).toHaveCount(3);
  await showView(page, 'Training');
  await page
    .getByRole('button', { name: /Resume/ })
    .first()
    .click();
  await page.getByRole('button', { name: 'Cancel training' }).click();
  await trainingEnded(page);
  await workbench.close();
  await folder.remove();
});
