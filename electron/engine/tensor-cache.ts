/** Native tensors in use, kept by least recent use within a byte budget; a tensor in hand is never freed. */
import type { Tensor } from '../../native/index.js';

interface Entry {
  tensor: Promise<Tensor>;
  sizeBytes: number;
  users: number;
}

export class TensorCache {
  readonly #entries = new Map<string, Entry>();
  readonly #budgetBytes: number;
  #heldBytes = 0;

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Runs `work` with the tensor under `key`, loading it first when it is not held. `sizeBytes` is its
   * size in memory. Two callers asking at once share one load; a failed load is not kept.
   */
  async use<T>(
    key: string,
    sizeBytes: number,
    load: () => Promise<Tensor>,
    work: (tensor: Tensor) => Promise<T>,
  ): Promise<T> {
    const entry = this.#take(key, sizeBytes, load);
    entry.users += 1;
    try {
      return await work(await entry.tensor);
    } finally {
      entry.users -= 1;
      this.#trim();
    }
  }

  #take(key: string, sizeBytes: number, load: () => Promise<Tensor>): Entry {
    const held = this.#entries.get(key);
    if (held) {
      // Re-inserting moves the entry to the young end of the map's order.
      this.#entries.delete(key);
      this.#entries.set(key, held);
      return held;
    }
    const entry: Entry = { tensor: load(), sizeBytes, users: 0 };
    this.#entries.set(key, entry);
    this.#heldBytes += sizeBytes;
    entry.tensor.catch(() => this.#forget(key, entry));
    return entry;
  }

  #forget(key: string, entry: Entry): void {
    if (this.#entries.get(key) !== entry) return;
    this.#entries.delete(key);
    this.#heldBytes -= entry.sizeBytes;
  }

  #trim(): void {
    for (const [key, entry] of this.#entries) {
      if (this.#heldBytes <= this.#budgetBytes) return;
      if (entry.users > 0) continue;
      this.#forget(key, entry);
      void entry.tensor.then((tensor) => tensor.dispose());
    }
  }

  /** Frees everything that no call is using; what is in use is freed by the garbage collector later. */
  clear(): void {
    for (const [key, entry] of this.#entries) {
      this.#forget(key, entry);
      if (entry.users === 0) {
        void entry.tensor.then(
          (tensor) => tensor.dispose(),
          () => undefined,
        );
      }
    }
  }
}
