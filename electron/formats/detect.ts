/** What a path given by the user is, judged by its content; names only break ties. */
import { stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { QatError } from '../contract/errors.js';
import { toReadError } from './file-errors.js';
import { findIdxFiles } from './idx-reader.js';
import { withRegularFile } from './regular-file.js';
import { safetensorsLimits } from './safetensors-header.js';

export type DetectedPath =
  | { readonly kind: 'safetensors'; readonly path: string }
  /** `path` is the folder, also when one of its files was given. */
  | { readonly kind: 'idx-folder'; readonly path: string }
  /** `path` is the project's folder, also when its `project.json` was given. */
  | { readonly kind: 'project'; readonly path: string };

const supported =
  'Supported are .safetensors models, folders with the four IDX files of a data set, and project folders.';
const pickleExtensions = new Set(['.pt', '.pth', '.pkl', '.pickle', '.bin', '.ckpt']);
const headBytes = 512;

/**
 * @throws E-FILE-FORMAT-UNKNOWN naming what is supported (for pickles: how to convert), E-FILE-MISSING,
 *   E-FILE-NOT-A-FILE, E-FILE-UNREADABLE
 */
export async function detectPath(path: string): Promise<DetectedPath> {
  let isFolder: boolean;
  try {
    isFolder = (await stat(path)).isDirectory();
  } catch (thrown) {
    throw toReadError(path, thrown);
  }
  return isFolder ? detectFolder(path) : detectFile(path);
}

async function detectFolder(path: string): Promise<DetectedPath> {
  if (await exists(join(path, 'project.json'))) return { kind: 'project', path };
  const files = await findIdxFiles(path);
  // One is enough to know what was meant; opening it lists what is missing.
  if (Object.values(files).some((file) => file !== undefined)) return { kind: 'idx-folder', path };
  throw unknown(`${path} is a folder without a project and without IDX files`, supported);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function detectFile(path: string): Promise<DetectedPath> {
  if (basename(path) === 'project.json') return { kind: 'project', path: dirname(path) };
  const { head, sizeBytes } = await readHead(path);
  const extension = extname(path).toLowerCase();
  if (isPickle(head, extension)) throw pickleError(path);
  if (looksLikeSafetensors(head, sizeBytes) || extension === '.safetensors') {
    return { kind: 'safetensors', path };
  }
  if (isIdx(head) || /idx[13]-ubyte(\.gz)?$/.test(basename(path))) {
    return { kind: 'idx-folder', path: dirname(path) };
  }
  const found = describe(head);
  throw unknown(`${path} is ${found}`, supported);
}

async function readHead(path: string): Promise<{ head: Buffer; sizeBytes: number }> {
  return withRegularFile(path, async (file) => {
    const head = Buffer.alloc(Math.min(headBytes, file.sizeBytes));
    await file.readInto(head, 0);
    return { head, sizeBytes: file.sizeBytes };
  });
}

function looksLikeSafetensors(head: Buffer, sizeBytes: number): boolean {
  if (head.length < 10 || head[8] !== 0x7b) return false;
  const length = head.readBigUInt64LE(0);
  return length <= BigInt(sizeBytes) && length <= BigInt(safetensorsLimits.headerBytes);
}

function isIdx(head: Buffer): boolean {
  return (
    head.length >= 8 && head[0] === 0 && head[1] === 0 && head[2] === 8 && (head[3] === 1 || head[3] === 3)
  );
}

/** A bare pickle, or PyTorch's zip of one, whatever its name. */
function isPickle(head: Buffer, extension: string): boolean {
  const protocol = head[1] ?? 0;
  if (head[0] === 0x80 && protocol >= 2 && protocol <= 5) return true;
  const isZip = head.toString('latin1', 0, 4) === 'PK\x03\x04';
  return isZip && (pickleExtensions.has(extension) || head.includes('data.pkl'));
}

function describe(head: Buffer): string {
  const text = head.toString('latin1', 0, 8);
  if (head.length === 0) return 'empty';
  if (text.startsWith('GGUF')) return 'a GGUF file';
  if (text.startsWith('PK\x03\x04')) return 'a zip archive';
  if (text.startsWith('\x93NUMPY')) return 'a NumPy array';
  if (text.startsWith('\x89HDF')) return 'an HDF5 file';
  if (head[0] === 0x08 && head[2] === 0x12) return 'probably an ONNX model';
  return 'of no known format';
}

function unknown(what: string, remedy: string): QatError {
  return new QatError('E-FILE-FORMAT-UNKNOWN', `${what}.`, remedy);
}

/** Pickles can run code when they are read, so they are never opened here; the user may convert them. */
function pickleError(path: string): QatError {
  const target = `${path.slice(0, path.length - extname(path).length)}.safetensors`;
  const script =
    'import sys, torch; from safetensors.torch import save_file; ' +
    "save_file({k: v.clone().contiguous() for k, v in torch.load(sys.argv[1], map_location='cpu', " +
    'weights_only=True).items()}, sys.argv[2])';
  const command = `python3 -c "${script}" ${quoteForShell(path)} ${quoteForShell(target)}`;
  return unknown(
    `${path} is a Python pickle (PyTorch checkpoint), which can run code when it is read`,
    `Convert it where you trust it (pip install torch safetensors): ${command}`.slice(0, 2000),
  );
}

function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
