/**
 * A typed cursor over JSON bytes for headers of known structure. It exists because `JSON.parse` keeps the
 * last of two equal keys in silence, loses digits of large integers, and builds whatever depth it is told
 * to. The caller asks for exactly what the format allows next, so nesting is bounded by the caller's own
 * calls, and every complaint has the byte offset it is about.
 */

export class JsonSyntaxError extends Error {
  /** Offset within the bytes given to the cursor. */
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

const quote = 0x22;
const backslash = 0x5c;
const simpleEscapes: ReadonlyMap<number, string> = new Map([
  [0x22, '"'],
  [0x5c, '\\'],
  [0x2f, '/'],
  [0x62, '\b'],
  [0x66, '\f'],
  [0x6e, '\n'],
  [0x72, '\r'],
  [0x74, '\t'],
]);

export class JsonCursor {
  offset = 0;
  readonly #bytes: Buffer;

  /** `bytes` must be valid UTF-8 (see `findInvalidUtf8`). */
  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Calls `onKey` with every key, the cursor standing at its value. */
  readObject(onKey: (key: string, keyOffset: number) => void): void {
    this.#readSequence('{', '}', 'an object', () => {
      const keyOffset = this.offset;
      const key = this.readString();
      this.#expect(':');
      this.skipSpace();
      onKey(key, keyOffset);
    });
  }

  /** Calls `onItem` with the cursor standing at each item. */
  readArray(onItem: (index: number) => void): void {
    let index = 0;
    this.#readSequence('[', ']', 'an array', () => {
      onItem(index);
      index += 1;
    });
  }

  #readSequence(open: string, close: string, what: string, onItem: () => void): void {
    this.skipSpace();
    if (this.#bytes[this.offset] !== open.charCodeAt(0)) this.#fail(`expected ${what}`);
    this.offset += 1;
    this.skipSpace();
    if (this.#bytes[this.offset] === close.charCodeAt(0)) {
      this.offset += 1;
      return;
    }
    for (;;) {
      this.skipSpace();
      onItem();
      this.skipSpace();
      const byte = this.#bytes[this.offset];
      if (byte === close.charCodeAt(0)) {
        this.offset += 1;
        return;
      }
      if (byte !== 0x2c) this.#fail(`expected "," or "${close}"`);
      this.offset += 1;
    }
  }

  readString(): string {
    if (this.#bytes[this.offset] !== quote) this.#fail('expected a string');
    const start = this.offset + 1;
    let text: string | undefined;
    let plainStart = start;
    let i = start;
    for (;;) {
      const byte = this.#bytes[i];
      if (byte === undefined) this.#fail('a string without an end');
      if (byte < 0x20) this.#failAt(i, 'a control character inside a string');
      if (byte === quote) break;
      if (byte === backslash) {
        text = (text ?? '') + this.#bytes.toString('utf8', plainStart, i);
        this.offset = i;
        text += this.#readEscape();
        i = this.offset;
        plainStart = i;
      } else {
        i += 1;
      }
    }
    this.offset = i + 1;
    return (text ?? '') + this.#bytes.toString('utf8', plainStart, i);
  }

  /** A non-negative integer without fraction or exponent. */
  readUnsignedInteger(): number {
    const start = this.offset;
    let i = start;
    while (isDigit(this.#bytes[i])) i += 1;
    const next = this.#bytes[i];
    if (i === start) {
      this.#fail(
        next === 0x2d ? 'a negative number, expected an integer of 0 or more' : 'expected an integer',
      );
    }
    if (next === 0x2e || next === 0x65 || next === 0x45) {
      this.#fail('a number with a fraction or exponent, expected an integer');
    }
    if (i - start > 1 && this.#bytes[start] === 0x30) this.#fail('an integer with a leading zero');
    const value =
      i - start > 16 ? Number.POSITIVE_INFINITY : Number(this.#bytes.toString('latin1', start, i));
    if (!Number.isSafeInteger(value)) this.#fail('an integer above 2^53 − 1');
    this.offset = i;
    return value;
  }

  /** True, and past it, when `null` comes next. */
  tryReadNull(): boolean {
    if (this.#bytes.toString('latin1', this.offset, this.offset + 4) !== 'null') return false;
    this.offset += 4;
    return true;
  }

  /** Only white space may follow. */
  readEnd(): void {
    this.skipSpace();
    if (this.offset < this.#bytes.length) this.#fail('more text after the end of the object');
  }

  skipSpace(): void {
    for (;;) {
      const byte = this.#bytes[this.offset];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.offset += 1;
    }
  }

  #expect(character: string): void {
    this.skipSpace();
    if (this.#bytes[this.offset] !== character.charCodeAt(0)) this.#fail(`expected "${character}"`);
    this.offset += 1;
  }

  /** At a backslash; returns what it stands for and moves past it. */
  #readEscape(): string {
    const code = this.#bytes[this.offset + 1] ?? 0;
    const simple = simpleEscapes.get(code);
    if (simple !== undefined) {
      this.offset += 2;
      return simple;
    }
    if (code !== 0x75) this.#fail('an unknown escape inside a string');
    const first = this.#readHex4(this.offset + 2);
    if (first < 0xd800 || first > 0xdfff) {
      this.offset += 6;
      return String.fromCharCode(first);
    }
    const second =
      this.#bytes[this.offset + 6] === backslash && this.#bytes[this.offset + 7] === 0x75
        ? this.#readHex4(this.offset + 8)
        : 0;
    // Half a surrogate pair has no UTF-8 form, so the name could never be written back.
    if (first > 0xdbff || second < 0xdc00 || second > 0xdfff) this.#fail('half a surrogate pair in a string');
    this.offset += 12;
    return String.fromCharCode(first, second);
  }

  #readHex4(at: number): number {
    const digits = this.#bytes.toString('latin1', at, at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.#fail('a \\u escape without four hexadecimal digits');
    return Number.parseInt(digits, 16);
  }

  #fail(message: string): never {
    this.#failAt(this.offset, message);
  }

  #failAt(offset: number, message: string): never {
    if (offset >= this.#bytes.length)
      throw new JsonSyntaxError(this.#bytes.length, `${message}, found the end`);
    throw new JsonSyntaxError(offset, message);
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}
