/** The list of recently opened projects and models. */
import { rename, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { type RecentEntry, recentEntrySchema } from '../contract/index.js';
import { LatestWriter } from './latest-writer.js';
import { readJsonFile } from './read-json.js';

export const recentEntriesMax = 10;

const storedEntrySchema = recentEntrySchema.omit({ missing: true });
type StoredEntry = z.infer<typeof storedEntrySchema>;
const fileVersion = 1;
const fileSchema = z.strictObject({
  schemaVersion: z.literal(fileVersion),
  entries: z.array(storedEntrySchema).max(50),
});

export class RecentStore {
  #entries: StoredEntry[];
  readonly #writer: LatestWriter;

  private constructor(path: string, entries: StoredEntry[]) {
    this.#entries = entries;
    this.#writer = new LatestWriter(path, () =>
      JSON.stringify({ schemaVersion: fileVersion, entries: this.#entries }),
    );
  }

  /** A list that cannot be read is set aside as `<path>.damaged`, and an empty one takes its place. */
  static async open(path: string): Promise<RecentStore> {
    const entries = await readJsonFile(path, fileSchema, fileVersion).then(
      ({ value }) => value.entries,
      async () => {
        await setAside(path);
        return [];
      },
    );
    return new RecentStore(path, entries);
  }

  /** Newest first; `missing` is looked up now. */
  list(): Promise<RecentEntry[]> {
    return Promise.all(
      this.#entries.map(async (entry) => ({
        ...entry,
        missing: await stat(entry.path).then(
          () => false,
          () => true,
        ),
      })),
    );
  }

  /** Puts `entry` first; an entry of the same path goes. @throws E-DISK-* */
  async add(entry: Omit<StoredEntry, 'openedAt'>): Promise<void> {
    const path = resolve(entry.path);
    const added = storedEntrySchema.parse({ ...entry, path, openedAt: new Date().toISOString() });
    const others = this.#entries.filter((other) => other.path !== path);
    this.#entries = [added, ...others].slice(0, recentEntriesMax);
    await this.#writer.write();
  }

  /** @throws E-DISK-* */
  async clear(): Promise<void> {
    this.#entries = [];
    await this.#writer.write();
  }
}

/** Keeps what could not be read for whoever wants to look; nothing there is no reason to complain. */
export async function setAside(path: string): Promise<void> {
  await rename(path, `${path}.damaged`).catch(() => undefined);
}
