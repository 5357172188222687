/** The least time of a workload on this machine: bytes / bandwidth or operations / peak, as measured just before. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Shape } from './peers-addon.mjs';

export interface Ceilings {
  threads: number;
  readGBs: number;
  copyGBs: number;
  floatGflops: number;
  byteGops: number;
}

/** On 1 and 2 threads; none where the program cannot be built. */
export function measureCeilings(buildFolder: string): Ceilings[] {
  const program = join(buildFolder, 'qat_ceilings');
  try {
    execFileSync('cmake', ['--build', buildFolder, '--target', 'qat_ceilings'], { stdio: 'ignore' });
    if (!existsSync(program)) return [];
    return JSON.parse(execFileSync(program, ['2'], { encoding: 'utf8' })) as Ceilings[];
  } catch (error) {
    console.log(`No ceilings, so no floors: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}

const elements = 1 << 24;
const multiplications = 784 * 512 + 512 * 512 + 512 * 10;

/** Milliseconds; null where no floor is known. Weights are counted as bare codes, read from memory. */
export function floorMs(work: string, shape: Shape, ceilings: Ceilings): number | null {
  const bits = /^gemm\.w(\d)/.exec(work)?.[1];
  if (bits && shape.M && shape.K && shape.N) {
    const bytes = (shape.K * shape.N * Number(bits)) / 8;
    const operations = 2 * shape.M * shape.K * shape.N;
    const memory = (shape.copies ?? 1) > 1 ? bytes / ceilings.readGBs : 0;
    const arithmetic = work === 'gemm.w1a1' || !ceilings.byteGops ? 0 : operations / ceilings.byteGops;
    return Math.max(memory, arithmetic) / 1e6 || null;
  }
  if (work.endsWith('fwd')) return (8 * elements) / ceilings.copyGBs / 1e6;
  if (work.endsWith('fwdbwd')) return (20 * elements) / ceilings.copyGBs / 1e6;
  if (work === 'fp32.mlp') {
    const operations = 2 * 128 * (3 * multiplications - 784 * 512);
    return operations / ceilings.floatGflops / 1e6;
  }
  if (work === 'qat.mlp') {
    const backward = (2 * 128 * 2 * multiplications) / ceilings.floatGflops;
    return (backward + (ceilings.byteGops ? (2 * 128 * multiplications) / ceilings.byteGops : 0)) / 1e6;
  }
  return (4 * elements) / ceilings.readGBs / 1e6;
}
