/**
 * The guided tour: the whole main job in the real app, as a person would do it, without a display.
 * Leaves in out/tour: a picture of every view in both themes and two sizes, the exported files, and
 * summary.json with what the app itself measured.
 */
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, type Page, test } from '@playwright/test';
import type { Answer, ExportRecord, ProjectState, RunSummary } from '../../electron/contract/index.js';
import { answerDialogs, launch, resize, showTheme, type Workbench } from '../support/launch.js';
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
const presets = ['W8A8', 'W4A4', 'W2A4', 'W1A32'];
const seeds = [1, 2, 3];
const sizes = [
  { width: 1280, height: 800 },
  { width: 1920, height: 1080 },
];
const views: View[] = ['Distribution', 'Error', 'Training', 'Compare', 'Export'];

interface SummaryRow {
  bits: string;
  seed: number;
  floatAccuracy: number;
  accuracyBefore: number;
  accuracyAfter: number;
  changePoints: number;
  effectiveBitsPerWeight: number;
  fileBytes: number;
  seconds: number;
  proof: Pick<ExportRecord, 'sha256' | 'logits'> & { codesCompared: number; codesDifferent: number };
}

async function currentProject(page: Page): Promise<ProjectState> {
  const answer = await page.evaluate(() => {
    const { qat } = window as unknown as {
      qat: { request(route: string, input: object): Promise<Answer<{ project: ProjectState | null }>> };
    };
    return qat.request('project.current', {});
  });
  if (!answer.ok || !answer.data.project) throw new Error('no project is open');
  return answer.data.project;
}

async function newestRun(page: Page): Promise<RunSummary> {
  const { runs } = await currentProject(page);
  const newest = [...runs].sort((a, b) => a.createdAt.localeCompare(b.createdAt)).at(-1);
  if (!newest?.result) throw new Error(`the run did not finish: ${newest?.error?.message ?? 'no result'}`);
  return newest;
}

function summaryRow(run: RunSummary, bits: string, record: ExportRecord, fileBytes: number): SummaryRow {
  const { result } = run;
  if (!result) throw new Error('a finished run has a result');
  return {
    bits,
    seed: run.training.seed,
    floatAccuracy: result.floatAccuracy,
    accuracyBefore: result.accuracyBefore,
    accuracyAfter: result.accuracyAfter,
    changePoints: (result.accuracyAfter - result.floatAccuracy) * 100,
    effectiveBitsPerWeight: result.effectiveBits,
    fileBytes,
    seconds: result.seconds,
    proof: {
      sha256: record.sha256,
      logits: record.logits,
      codesCompared: record.layers.reduce((sum, layer) => sum + layer.codes, 0),
      codesDifferent: record.layers.reduce((sum, layer) => sum + layer.codesDifferent, 0),
    },
  };
}

async function exportRun({ app, page }: Workbench, run: RunSummary, target: string): Promise<ExportRecord> {
  await showView(page, 'Export');
  await page.getByRole('combobox', { name: 'Source' }).click();
  await page
    .getByRole('option', { name: new RegExp(`^${run.name}`) })
    .first()
    .click();
  await answerDialogs(app, [target]);
  await page.getByRole('button', { name: 'Export file…' }).click();
  await expect
    .poll(async () => (await currentProject(page)).exports.some((record) => record.path === target), {
      timeout: 60_000,
    })
    .toBe(true);
  const record = (await currentProject(page)).exports.find((candidate) => candidate.path === target);
  if (!record) throw new Error('the export left no record');
  return record;
}

async function pictures(workbench: Workbench): Promise<void> {
  const { app, page } = workbench;
  for (const theme of ['dark', 'light'] as const) {
    await showTheme(workbench, theme);
    for (const size of sizes) {
      await resize(app, size);
      for (const view of views) {
        await showView(page, view);
        await page.waitForTimeout(500);
        const name = `${view.toLowerCase()}-${theme}-${size.width}x${size.height}.png`;
        await page.screenshot({ path: join(out, name) });
      }
    }
  }
}

test('the whole job on the sample project', async () => {
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  const startedAt = Date.now();
  const workbench = await launch();
  const { page } = workbench;
  await projectIsOpen(page);
  const rows: SummaryRow[] = [];
  for (const preset of presets) {
    for (const seed of seeds) {
      await selectAllLayers(page);
      await choosePreset(page, preset);
      await prepare(page);
      await layersAre(page, 'prepared');
      await quantize(page);
      await layersAre(page, 'quantized');
      await setTraining(page, { Seed: seed });
      await page.getByLabel('Run name').fill(`${preset} seed ${seed}`);
      await train(page);
      if (preset === 'W4A4' && seed === 1) {
        await page.waitForTimeout(500);
        await page.screenshot({ path: join(out, 'training-live.png') });
      }
      await trainingEnded(page);
      const run = await newestRun(page);
      const target = join(out, `${preset.toLowerCase()}-seed${seed}.safetensors`);
      const record = await exportRun(workbench, run, target);
      rows.push(summaryRow(run, preset, record, (await stat(target)).size));
    }
  }
  await selectLayer(page, 'fc2.weight');
  await choosePreset(page, 'W4A4');
  await pictures(workbench);
  const summary = { madeAt: new Date().toISOString(), seconds: (Date.now() - startedAt) / 1000, runs: rows };
  await writeFile(join(out, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
  console.table(
    rows.map((row) => ({
      bits: row.bits,
      seed: row.seed,
      float: row.floatAccuracy,
      before: row.accuracyBefore,
      after: row.accuracyAfter,
      'Δ points': row.changePoints.toFixed(2),
      'bits/weight': row.effectiveBitsPerWeight.toFixed(2),
      bytes: row.fileBytes,
      seconds: row.seconds.toFixed(1),
      'proof max Δ': row.proof.logits?.maxDifference,
    })),
  );
  for (const row of rows) expect(row.proof.codesDifferent).toBe(0);
  await workbench.close();
});
