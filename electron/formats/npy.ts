/**
 * Reads matrices of 32-bit floats from .npy files (the format of numpy.save, versions 1 to 3): magic, version, length
 * of a header, a header that is a Python dictionary of three keys, then the elements.
 */
import { QatError } from '../contract/errors.js';
import { allocateBytes, type RegularFile, withRegularFile } from './regular-file.js';
import type { ReadOptions } from './safetensors-reader.js';

/** A file whose header is that of a matrix, and whose size is as the header says. */
export interface NpyMatrix {
  readonly rows: number;
  readonly cols: number;
  /** Row by row. @throws E-FILE-CHANGED when it is no longer the file that was opened; E-CANCELLED */
  read(options?: ReadOptions): Promise<Float32Array>;
}

const magic = Buffer.from('\x93NUMPY', 'latin1');
/** A header of a plain array has about a hundred bytes; numpy itself reads no longer ones unasked. */
const headerLimitBytes = 10_000;

/** @throws E-FILE-* when it is no file of such a matrix */
export async function openNpyMatrix(path: string): Promise<NpyMatrix> {
  return withRegularFile(path, async (file) => {
    const { dataStart, rows, cols } = await readHeader(file);
    const bytes = rows * cols * 4;
    if (!Number.isSafeInteger(bytes) || file.sizeBytes - dataStart !== bytes) {
      const found = file.sizeBytes - dataStart;
      throw unknown(path, dataStart, `${found} bytes follow the header`, `${bytes} for [${rows}, ${cols}]`);
    }
    const { identity } = file;
    const read = async ({ signal }: ReadOptions = {}) =>
      withRegularFile(path, async (opened) => {
        await opened.assertUnchanged(identity);
        const data = new Uint8Array(allocateBytes(path, bytes));
        await opened.readInto(data, dataStart, signal);
        await opened.assertUnchanged(identity);
        return new Float32Array(data.buffer);
      });
    return { rows, cols, read };
  });
}

async function readHeader(file: RegularFile): Promise<{ dataStart: number; rows: number; cols: number }> {
  const { path, sizeBytes } = file;
  if (sizeBytes < 12) throw unknown(path, 0, `${sizeBytes} bytes`, 'at least 12');
  const start = Buffer.alloc(12);
  await file.readInto(start, 0);
  if (!start.subarray(0, 6).equals(magic)) throw unknown(path, 0, 'other bytes', 'those of a .npy file');
  const version = start.readUInt8(6);
  if (version < 1 || version > 3) throw unknown(path, 6, `version ${version}`, '1, 2 or 3');
  const headerStart = version === 1 ? 10 : 12;
  const length = version === 1 ? start.readUInt16LE(8) : start.readUInt32LE(8);
  if (length > headerLimitBytes || headerStart + length > sizeBytes) {
    const most = Math.min(headerLimitBytes, sizeBytes - headerStart);
    throw unknown(path, 8, `a header of ${length} bytes`, `at most ${most}`);
  }
  const header = Buffer.alloc(length);
  await file.readInto(header, headerStart);
  const [rows, cols] = matrixShape(path, headerStart, header.toString('latin1'));
  return { dataStart: headerStart + length, rows, cols };
}

/** The three keys are each looked for by name: writers differ in their order and spaces. */
function matrixShape(path: string, at: number, header: string): [number, number] {
  const dtype = /'descr'\s*:\s*'([^']*)'/.exec(header)?.[1];
  if (dtype !== '<f4') throw unknown(path, at, `elements of type ${dtype ?? 'unknown'}`, '<f4 (float32)');
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(header)?.[1];
  if (order !== 'False') throw unknown(path, at, 'columns first (fortran_order)', 'rows first');
  const shape = /'shape'\s*:\s*\(\s*(\d{1,15})\s*,\s*(\d{1,15})\s*,?\s*\)/.exec(header);
  const [rows, cols] = [Number(shape?.[1]), Number(shape?.[2])];
  if (!(rows > 0 && cols > 0)) throw unknown(path, at, 'another shape', '(samples, inputs), none of them 0');
  return [rows, cols];
}

function unknown(path: string, offset: number, found: string, expected: string): QatError {
  return new QatError(
    'E-FILE-FORMAT-UNKNOWN',
    `${path}: byte ${offset}: ${found}, expected ${expected}.`,
    'Save a float32 matrix with numpy.save, rows first: one row for each sample.',
  );
}
