/** Writing, proving and verifying exported files. */
import { create } from 'zustand';
import { request } from './client.js';
import { configurationSettled } from './configuration-store.js';
import type { ExportRecord } from './contract.js';
import { notify, notifySuccess } from './notices.js';
import { useProject } from './project-store.js';

export interface Verification {
  state: 'checking' | 'matches' | 'differs';
  sha256: string | null;
}

interface ExportState {
  /** A file is being written or proven. */
  writing: boolean;
  /** The export just made: its proof is shown large. */
  latest: ExportRecord | null;
  /** By path. */
  verified: Record<string, Verification>;
}

export const useExports = create<ExportState>(() => ({ writing: false, latest: null, verified: {} }));

function addRecord(record: ExportRecord): void {
  useProject.setState(({ project }) => {
    if (!project) return {};
    const known = project.exports.some(
      (other) => other.path === record.path && other.createdAt === record.createdAt,
    );
    return known ? {} : { project: { ...project, exports: [...project.exports, record] } };
  });
}

/** Export a run, or (null) the project's layers as quantized; the main process asks where to. */
export async function exportWeights(runId: string | null): Promise<void> {
  if (useExports.getState().writing) return;
  useExports.setState({ writing: true });
  try {
    await configurationSettled();
    const { record } = await request('export.write', { runId, path: null });
    if (!record) return;
    addRecord(record);
    useExports.setState({ latest: record });
    notifySuccess('Exported and proven', record.path);
  } catch (thrown) {
    notify(thrown, 'exporting');
  } finally {
    useExports.setState({ writing: false });
  }
}

function setVerified(path: string, verification: Verification | null): void {
  useExports.setState(({ verified }) => {
    const { [path]: _before, ...others } = verified;
    return { verified: verification ? { ...others, [path]: verification } : others };
  });
}

/** Re-read an exported file and compare it with its stored proof. */
export async function verifyExport(path: string): Promise<void> {
  setVerified(path, { state: 'checking', sha256: null });
  try {
    const { matches, sha256 } = await request('export.verify', { path });
    setVerified(path, { state: matches ? 'matches' : 'differs', sha256 });
  } catch (thrown) {
    setVerified(path, null);
    notify(thrown, 'verifying an exported file');
  }
}

export async function showInFolder(path: string): Promise<void> {
  try {
    await request('app.showInFolder', { path });
  } catch (thrown) {
    notify(thrown, 'showing the file in its folder');
  }
}
