/** PyTorch in a process of its own, asked for timings line by line. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const script = resolve(fileURLToPath(import.meta.url), '../peer_torch.py');
/** Debian's OpenBLAS for OpenMP: with the one for pthreads, its threads and PyTorch's fight for the cores. */
const openblasFolder = '/usr/lib/x86_64-linux-gnu/openblas-openmp';

export class TorchPeer {
  readonly version: string;
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  private constructor(child: ChildProcess, lines: AsyncIterator<string>, version: string) {
    this.child = child;
    this.lines = lines;
    this.version = version;
  }

  /** Null where there is no Python with PyTorch. */
  static async start(): Promise<TorchPeer | null> {
    for (const python of [process.env.QAT_BENCH_PYTHON, '/usr/bin/python3', 'python3']) {
      if (!python) continue;
      const child = spawn(python, [script], { env: peerEnvironment(), stdio: ['pipe', 'pipe', 'ignore'] });
      child.on('error', () => undefined);
      const { stdout } = child;
      if (!stdout) continue;
      const reader: Interface = createInterface({ input: stdout });
      const lines = reader[Symbol.asyncIterator]();
      const first = await lines.next();
      if (!first.done) return new TorchPeer(child, lines, JSON.parse(first.value).version);
    }
    return null;
  }

  /** Milliseconds of each of `steps` optimizer steps. */
  async steps(threads: number, quantized: boolean, steps: number): Promise<number[]> {
    this.child.stdin?.write(`${JSON.stringify({ threads, quantized, steps })}\n`);
    const answer = await this.lines.next();
    if (answer.done) throw new Error('the PyTorch process ended');
    return JSON.parse(answer.value).ms;
  }

  stop(): void {
    this.child.stdin?.end();
  }
}

/** Without settings that make OpenBLAS pretend to be on another processor. */
function peerEnvironment(): NodeJS.ProcessEnv {
  const { OPENBLAS_CORETYPE: _core, OPENBLAS_L2_SIZE: _cache, ...environment } = process.env;
  if (existsSync(openblasFolder)) environment.LD_LIBRARY_PATH = openblasFolder;
  return environment;
}
