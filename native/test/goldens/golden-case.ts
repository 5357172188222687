/** One reference case: the tensors of a `.safetensors` file and its scalars, read through `electron/formats`. */
import { join } from 'node:path';
import {
  openSafetensors,
  readFloat32,
  readFloat64,
  readInt32,
  readInt64,
} from '../../../electron/formats/index.js';

export interface IndexEntry {
  readonly file: string;
  readonly [scalar: string]: unknown;
}

export class GoldenCase {
  readonly file: string;
  readonly folder: string;
  readonly about: string;
  /** Names of the tensors. */
  readonly keys: ReadonlySet<string>;
  private readonly opened: Awaited<ReturnType<typeof openSafetensors>>;
  private readonly scalars: ReadonlyMap<string, unknown>;

  private constructor(
    entry: IndexEntry,
    opened: Awaited<ReturnType<typeof openSafetensors>>,
    scalars: ReadonlyMap<string, unknown>,
  ) {
    this.file = entry.file;
    this.folder = entry.file.split('/')[0] ?? '';
    this.opened = opened;
    this.keys = new Set(opened.tensors.keys());
    this.scalars = scalars;
    const about = opened.metadata.get('about') ?? String(entry.about ?? '');
    this.about = about;
  }

  static async open(directory: string, entry: IndexEntry): Promise<GoldenCase> {
    const opened = await openSafetensors(join(directory, entry.file));
    const scalars = new Map<string, unknown>();
    for (const [name, text] of opened.metadata) {
      if (name !== 'about') scalars.set(name, JSON.parse(text));
    }
    assertIndexAgrees(entry, scalars);
    return new GoldenCase(entry, opened, scalars);
  }

  has(...names: string[]): boolean {
    return names.every((name) => this.keys.has(name));
  }

  shape(name: string): readonly number[] {
    const info = this.opened.tensors.get(name);
    if (!info) throw new Error(`${this.file} has no tensor "${name}"`);
    return info.shape;
  }

  /** The shape as a matrix: the first axis by everything else. */
  matrixShape(name: string): { rows: number; cols: number } {
    const [rows = 1, ...rest] = this.shape(name);
    return { rows, cols: rest.reduce((product, extent) => product * extent, 1) };
  }

  floats(name: string): Promise<Float32Array> {
    return readFloat32(this.opened, name);
  }

  doubles(name: string): Promise<Float64Array> {
    return readFloat64(this.opened, name);
  }

  ints(name: string): Promise<Int32Array> {
    return readInt32(this.opened, name);
  }

  async counts(name: string): Promise<number[]> {
    return Array.from(await readInt64(this.opened, name), Number);
  }

  hasScalar(name: string): boolean {
    return this.scalars.has(name);
  }

  scalar<T>(name: string): T {
    if (!this.scalars.has(name)) throw new Error(`${this.file} has no scalar "${name}"`);
    return this.scalars.get(name) as T;
  }

  number(name: string): number {
    const value = this.scalar<unknown>(name);
    if (typeof value !== 'number') throw new Error(`${this.file}: "${name}" is not a number`);
    return value;
  }

  /** A number that only the description states, such as "label smoothing 0.1". */
  statedNumber(words: string): number {
    const match = new RegExp(`${words} ([0-9.]+(?:e-?[0-9]+)?)`).exec(this.about);
    if (!match?.[1]) throw new Error(`${this.file}: the description states no "${words}"`);
    return Number(match[1].replace(/\.$/, ''));
  }
}

/** The index repeats the file's scalars; where the two differ the folder is not what it says. */
function assertIndexAgrees(entry: IndexEntry, scalars: ReadonlyMap<string, unknown>): void {
  for (const [name, value] of Object.entries(entry)) {
    if (!scalars.has(name)) continue;
    if (JSON.stringify(value) !== JSON.stringify(scalars.get(name))) {
      throw new Error(`${entry.file}: index.json and the file disagree about "${name}"`);
    }
  }
}
