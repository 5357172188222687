/**
 * Quantizer libraries: native code that the user allowed, loaded only while its file is the one that was allowed.
 * Who may allow one is decided by the caller (docs/adr/0006-user-quantizers.md).
 */
import type { NativeAddon } from '../../native/index.js';
import {
  type AllowedLibrary,
  type Configuration,
  type ExportedLibrary,
  type LibraryState,
  mostLibraries,
  QatError,
  quantizerLibrarySchema,
  toErrorInfo,
  type WeightQuantizer,
} from '../contract/index.js';
import { hashFile } from '../formats/index.js';

export class QuantizerLibraries {
  readonly #addon: NativeAddon;
  #states: LibraryState[] = [];
  /** Of what was loaded once: it stays in memory, and is what the system gives for its path, until the process ends. */
  readonly #hashes = new Map<string, string>();

  constructor(addon: NativeAddon) {
    this.#addon = addon;
  }

  get states(): LibraryState[] {
    return [...this.#states];
  }

  get allowed(): AllowedLibrary[] {
    return this.#states.map(({ path, sha256, id }) => ({ path, sha256, id }));
  }

  /** Loads what was allowed before. What is not as it was then stays unloaded, and its state says why. */
  async load(allowed: readonly AllowedLibrary[]): Promise<LibraryState[]> {
    for (const library of allowed) {
      try {
        this.#put(await this.#loaded(library.path, library.sha256));
      } catch (thrown) {
        this.#put({ ...library, loaded: null, error: toErrorInfo(thrown) });
      }
    }
    return this.states;
  }

  /**
   * Runs the library's code: the user has agreed to the file with this hash.
   * @throws E-FILE-*, E-QUANTIZER-LIBRARY
   */
  async add(path: string, sha256: string): Promise<LibraryState[]> {
    if (this.#states.length >= mostLibraries) {
      throw new QatError(
        'E-QUANTIZER-LIBRARY',
        `There are ${mostLibraries} quantizer libraries already.`,
        'Remove one that is not used.',
      );
    }
    this.#put(await this.#loaded(path, sha256));
    return this.states;
  }

  /** Nothing uses it from now on; its code leaves memory when the application ends. */
  remove(id: string): LibraryState[] {
    this.#states = this.#states.filter((state) => state.id !== id);
    return this.states;
  }

  /** @throws E-QUANTIZER-LIBRARY when the quantizer needs a library that is not loaded */
  require({ library, bits }: Pick<WeightQuantizer, 'library' | 'bits'>): void {
    if (library === undefined || bits === 32) return;
    const state = this.#states.find(({ id }) => id === library);
    if (state?.loaded) return;
    throw new QatError(
      'E-QUANTIZER-LIBRARY',
      `The quantizer library ${library} is not loaded${state?.error ? `: ${state.error.message}` : '.'}`,
      'Add it (File > Quantizer Libraries…), or choose another method for the layer.',
    );
  }

  /** The files that a configuration's layers use, by id. @throws E-QUANTIZER-LIBRARY */
  hashesOf(configuration: Configuration): Record<string, string> {
    const used = Object.values(configuration).flatMap(({ weight }) => {
      const { library } = weight;
      const exported = this.exported(weight);
      return library && exported ? [[library, exported.sha256] as const] : [];
    });
    return Object.fromEntries(used);
  }

  /** How an export names it; null for built-in quantizers. @throws E-QUANTIZER-LIBRARY */
  exported({ library, bits }: Pick<WeightQuantizer, 'library' | 'bits'>): ExportedLibrary | null {
    if (library === undefined || bits === 32) return null;
    this.require({ library, bits });
    const state = this.#states.find(({ id }) => id === library);
    if (!state?.loaded) return null;
    return { name: state.loaded.name, version: state.loaded.version, sha256: state.sha256 };
  }

  async #loaded(path: string, sha256: string): Promise<LibraryState> {
    const found = await hashFile(path);
    if (found.sha256 !== sha256) {
      throw new QatError(
        'E-QUANTIZER-LIBRARY',
        `${path} is not the file that was allowed; it was not loaded.`,
        'Remove the library and add it again if you trust the new file.',
      );
    }
    const loaded = quantizerLibrarySchema.parse(this.#addon.loadQuantizer(path));
    const running = this.#hashes.get(loaded.id) ?? sha256;
    this.#hashes.set(loaded.id, running);
    if (running !== sha256) {
      throw new QatError(
        'E-QUANTIZER-LIBRARY',
        `The quantizer library "${loaded.name}" is loaded already, as it was before its file changed.`,
        'Restart the application and add the new one, or build it under another name.',
      );
    }
    return { path, sha256, id: loaded.id, loaded, error: null };
  }

  #put(state: LibraryState): void {
    this.#states = [...this.#states.filter(({ id }) => id !== state.id), state];
  }
}
