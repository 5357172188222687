/** The newest answers by key, within a count: analyses are small, recomputing them is not free. */
export class AnswerCache<T> {
  readonly #answers = new Map<string, T>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  async get(key: string, compute: () => Promise<T>): Promise<T> {
    const held = this.#answers.get(key);
    if (held !== undefined) {
      this.#answers.delete(key);
      this.#answers.set(key, held);
      return held;
    }
    const answer = await compute();
    this.#answers.set(key, answer);
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= this.#limit) break;
      this.#answers.delete(oldest);
    }
    return answer;
  }

  clear(): void {
    this.#answers.clear();
  }
}
