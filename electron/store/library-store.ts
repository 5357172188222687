/** The quantizer libraries that the user allowed. Apart from the settings: the page may write those. */
import { z } from 'zod';
import { type AllowedLibrary, allowedLibrarySchema, mostLibraries } from '../contract/index.js';
import { LatestWriter } from './latest-writer.js';
import { readJsonFile } from './read-json.js';
import { setAside } from './recent-store.js';

const fileVersion = 1;
const fileSchema = z.strictObject({
  schemaVersion: z.literal(fileVersion),
  libraries: z.array(allowedLibrarySchema).max(mostLibraries),
});

export class LibraryStore {
  #libraries: AllowedLibrary[];
  readonly #writer: LatestWriter;

  private constructor(path: string, libraries: AllowedLibrary[]) {
    this.#libraries = libraries;
    this.#writer = new LatestWriter(path, () =>
      JSON.stringify({ schemaVersion: fileVersion, libraries: this.#libraries }),
    );
  }

  /** A list that cannot be read is set aside as `<path>.damaged`: nothing is allowed then. */
  static async open(path: string): Promise<LibraryStore> {
    const libraries = await readJsonFile(path, fileSchema, fileVersion).then(
      ({ value }) => value.libraries,
      async () => {
        await setAside(path);
        return [];
      },
    );
    return new LibraryStore(path, libraries);
  }

  get libraries(): AllowedLibrary[] {
    return [...this.#libraries];
  }

  /** @throws E-DISK-* */
  async save(libraries: readonly AllowedLibrary[]): Promise<void> {
    this.#libraries = [...libraries];
    await this.#writer.write();
  }
}
