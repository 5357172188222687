/**
 * The files of layers' results, `layers/<id>.safetensors`. One is written before anything refers to it and never
 * changed; it is removed when nothing lists it any more, and nobody may be reading it.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { removeStaleTemporaryFiles } from '../formats/atomic-file.js';
import { digestSafetensors, type SafetensorsSource, toWriteError } from '../formats/index.js';
import type { LayerResults } from '../store/index.js';

const filePattern = /^([0-9a-f]{32})\.safetensors$/;

/** Half of a SHA-256 tells any two apart. */
const idLength = 32;

/** The id of the one file that version 1 had of a layer. */
export function oldId(layer: string): string {
  return createHash('sha256').update(layer).digest('hex').slice(0, idLength);
}

/** The id of a result: from the SHA-256 of its file, so that the same made twice is one. */
export async function resultId(
  sources: readonly SafetensorsSource[],
  metadata: readonly (readonly [string, string])[],
): Promise<string> {
  return (await digestSafetensors(sources, metadata)).slice(0, idLength);
}

export class LayerFiles {
  readonly #folder: string;
  #queue: Promise<unknown> = Promise.resolve();
  #readers = 0;
  /** Files that nothing lists any more, for when the last reader has ended. */
  readonly #dropped = new Set<string>();

  constructor(projectFolder: string) {
    this.#folder = join(projectFolder, 'layers');
  }

  path(id: string): string {
    return join(this.#folder, `${id}.safetensors`);
  }

  /**
   * Runs `work`, which writes the file of `id`, lists it and gives the ids it took off the list: their files go. One
   * after another, so that no file is written that another one's removal is about to take. @throws E-DISK-*
   */
  keep(id: string, work: (path: string) => Promise<readonly string[]>): Promise<void> {
    return this.#inOrder(async () => {
      try {
        await mkdir(this.#folder, { recursive: true });
      } catch (thrown) {
        throw toWriteError(this.#folder, thrown);
      }
      this.#dropped.delete(id);
      for (const gone of await work(this.path(id))) this.#dropped.add(gone);
      await this.#removeDropped();
    });
  }

  /** Until the function it gives is called, no file is removed: for those who read what they found listed before. */
  hold(): () => Promise<void> {
    this.#readers += 1;
    return () => {
      this.#readers -= 1;
      return this.#inOrder(() => this.#removeDropped());
    };
  }

  /** Removes what a crash left behind: files that nothing lists. Not while anything reads or writes. */
  async sweep(listed: LayerResults): Promise<void> {
    const ids = new Set(Object.values(listed).flatMap((results) => results.map(({ id }) => id)));
    try {
      await removeStaleTemporaryFiles(this.#folder);
      for (const name of await readdir(this.#folder)) {
        const id = filePattern.exec(name)?.[1];
        if (id !== undefined && !ids.has(id)) this.#dropped.add(id);
      }
    } catch {
      // No folder yet, or one that cannot be read: what is in it takes room, and does no harm.
    }
    await this.#inOrder(() => this.#removeDropped());
  }

  async #removeDropped(): Promise<void> {
    if (this.#readers > 0) return;
    const ids = [...this.#dropped];
    this.#dropped.clear();
    // One that stays is swept when the project is opened the next time.
    await Promise.all(ids.map((id) => rm(this.path(id), { force: true }).catch(() => undefined)));
  }

  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#queue.then(work, work);
    this.#queue = next.catch(() => undefined);
    return next;
  }
}
