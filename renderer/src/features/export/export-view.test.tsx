import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import type { ExportRecord, ProjectState } from '../../host/contract.js';
import { applyProject, followConfiguration, useExports, useNotices, useProject } from '../../host/index.js';
import { installBridge, type RecordedBridge, Refusal } from '../../host/testing/recorded-bridge.js';
import { sampleProject, sampleRecord, sampleRun, threeLayers } from '../../host/testing/sample-state.js';
import { TooltipProvider } from '../../ui/index.js';
import { ExportView } from './export-view.js';
import { proofHolds, proofText } from './proof-card.js';

const quantized = sampleProject(threeLayers.map((layer) => ({ ...layer, state: 'quantized' as const })));
let stop: () => void = () => undefined;

function open(project: ProjectState, write: () => { record: ExportRecord | null }): RecordedBridge {
  stop();
  const bridge = installBridge({
    'export.write': write,
    'export.verify': ({ path }) => ({
      matches: path.includes('w4a4'),
      sha256: 'cd'.repeat(32),
      record: sampleRecord(),
    }),
    'app.showInFolder': () => ({}),
    'app.copyText': () => ({}),
  });
  useProject.setState({ project: null });
  useExports.setState({ writing: false, latest: null, verified: {} });
  useNotices.setState({ log: [], toasts: [] });
  stop = followConfiguration();
  applyProject(project);
  render(
    <TooltipProvider>
      <ExportView />
    </TooltipProvider>,
  );
  return bridge;
}

const exportButton = () => screen.getByRole('button', { name: 'Export file…' });

describe('export view', () => {
  it('says what is missing instead of exporting layers that are not quantized', async () => {
    const bridge = open(sampleProject(), () => ({ record: null }));
    expect(exportButton().getAttribute('aria-disabled')).toBe('true');
    expect(screen.getByText('Quantize the 3 layers that are not quantized yet.')).toBeTruthy();
    await userEvent.click(exportButton());
    expect(bridge.inputsOf('export.write')).toEqual([]);
    expect(screen.getByText('Nothing exported yet')).toBeTruthy();
  });

  it('exports the layers, shows the proof and keeps it in the history', async () => {
    const record = sampleRecord({ source: 'model' });
    const bridge = open(quantized, () => ({ record }));
    await userEvent.click(exportButton());
    expect(bridge.inputsOf('export.write')).toEqual([{ runId: null, path: null }]);
    expect(await screen.findByText('Proven equal')).toBeTruthy();
    expect(screen.getByText(record.sha256)).toBeTruthy();
    expect(useProject.getState().project?.exports).toEqual([record]);
    expect(screen.getByRole('button', { name: 'Verify' })).toBeTruthy();
  });

  it('does nothing when the user closes the dialog', async () => {
    open(quantized, () => ({ record: null }));
    await userEvent.click(exportButton());
    expect(screen.queryByText('Proven equal')).toBeNull();
    expect(useNotices.getState().log).toEqual([]);
    expect(exportButton().getAttribute('aria-disabled')).toBeNull();
  });

  it('exports a finished run by default', async () => {
    const result = {
      floatAccuracy: 0.89,
      accuracyBefore: 0.8,
      accuracyAfter: 0.886,
      lossAfter: 0.3,
      effectiveBits: 4.06,
      packedBytes: 136_000,
      floatBytes: 1_075_200,
      seconds: 12,
    };
    const runs = [sampleRun({ state: 'finished', result }), sampleRun({ id: 'run-2', name: 'W2A4' })];
    const bridge = open(sampleProject(threeLayers, { runs }), () => ({ record: sampleRecord() }));
    await userEvent.click(exportButton());
    expect(bridge.inputsOf('export.write')).toEqual([{ runId: 'run-1', path: null }]);
  });

  it('exports the layers where all were quantized with other settings than the run', async () => {
    const run = sampleRun({ state: 'finished' });
    const two = threeLayers.map((layer) => ({ ...layer, bits: 2 as const, state: 'quantized' as const }));
    const bridge = open(sampleProject(two, { runs: [run] }), () => ({ record: sampleRecord() }));
    await userEvent.click(exportButton());
    expect(bridge.inputsOf('export.write')).toEqual([{ runId: null, path: null }]);
  });

  it('reports a failed proof and lets the user try again', async () => {
    open(quantized, () => {
      throw new Refusal({ code: 'E-EXPORT-PROOF', message: '3 codes differ.', remedy: 'Check the disk.' });
    });
    await userEvent.click(exportButton());
    await waitFor(() => expect(useNotices.getState().log[0]?.code).toBe('E-EXPORT-PROOF'));
    expect(screen.queryByText('Proven equal')).toBeNull();
    expect(exportButton().getAttribute('aria-disabled')).toBeNull();
  });

  it('verifies a file again and says when it changed', async () => {
    const records = [sampleRecord(), sampleRecord({ path: '/exports/other.safetensors' })];
    open(sampleProject(threeLayers, { exports: records }), () => ({ record: null }));
    const [newest, oldest] = screen.getAllByRole('button', { name: 'Verify' });
    await userEvent.click(newest as HTMLElement);
    await userEvent.click(oldest as HTMLElement);
    expect(await screen.findByText('changed since')).toBeTruthy();
    expect(await screen.findByText('unchanged')).toBeTruthy();
  });
});

describe('proof', () => {
  it('names the quantizer library whose levels the file holds, once', () => {
    const library = { name: 'own', version: '1.2', sha256: 'cd'.repeat(32) };
    const [one] = sampleRecord().layers;
    if (!one) throw new Error('no layer');
    const text = proofText(sampleRecord({ layers: [one, { ...one, library }, { ...one, library }] }));
    expect(text.split('\n').filter((line) => line.startsWith('quantizer library'))).toEqual([
      `quantizer library: own 1.2, sha256 ${library.sha256}`,
    ]);
    expect(proofText(sampleRecord())).not.toContain('quantizer library');
  });

  it('names how the codes came about, where the record knows', () => {
    const [one] = sampleRecord().layers;
    if (!one) throw new Error('no layer');
    const gptq = { rounding: 'gptq', trained: 'no' } as const;
    const alone = { rounding: 'nearest', trained: 'alone' } as const;
    const layers = [gptq, alone, gptq].map((origin) => ({ ...one, origin }));
    expect(proofText(sampleRecord({ layers }))).toContain(
      'codes by: GPTQ 2 layers · trained by itself 1 layer',
    );
    // Records from before it was kept say nothing of it.
    expect(proofText(sampleRecord())).not.toContain('codes by');
  });

  const same = { codesDifferent: 0, scalesDifferent: 0 };
  const layer = { name: 'a', bits: 4, codes: 10, ...same, effectiveBits: 4, library: null, origin: null };

  it('holds only when nothing differs and the logits are within the tolerance', () => {
    expect(proofHolds(sampleRecord())).toBe(true);
    expect(proofHolds(sampleRecord({ layers: [{ ...layer, codesDifferent: 1 }] }))).toBe(false);
    expect(proofHolds(sampleRecord({ layers: [{ ...layer, scalesDifferent: 1 }] }))).toBe(false);
    const logits = {
      images: 10,
      maxDifference: 1,
      withinRounding: 10,
      tolerance: 1e-4,
      sameDecision: 10,
      accuracy: 0.9,
    };
    expect(proofHolds(sampleRecord({ logits }))).toBe(false);
    expect(proofHolds(sampleRecord({ logits: null, logitsReason: 'no data set' }))).toBe(true);
  });

  it('is copied with everything needed to check it', () => {
    const text = proofText(sampleRecord());
    for (const part of ['/exports/w4a4.safetensors', 'ab'.repeat(32), '200704', '2000 of 2000']) {
      expect(text).toContain(part);
    }
  });
});
