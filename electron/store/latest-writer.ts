/** Writes the newest state of something to a file, never two writes at once, never an older one last. */
import { writeFileAtomic } from '../formats/atomic-file.js';

export class LatestWriter {
  readonly #path: string;
  readonly #render: () => string;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  /** @param render gives the text to write, called when its write begins */
  constructor(path: string, render: () => string) {
    this.#path = path;
    this.#render = render;
  }

  /** Resolves when the state as of this call, or a later one, is on disk. @throws E-DISK-* */
  write(): Promise<void> {
    if (!this.#running) return this.#start();
    // Calls made during a write share the one that follows it.
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.#start();
      });
    return this.#next;
  }

  #start(): Promise<void> {
    const running = writeFileAtomic(this.#path, this.#render()).finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  /** Waits until nothing is being written; failures belong to the callers of `write`. */
  async settled(): Promise<void> {
    while (this.#next ?? this.#running) await (this.#next ?? this.#running)?.catch(() => undefined);
  }
}
