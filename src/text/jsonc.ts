/** A value of JSON with its place; indexes are UTF-16. */
export interface JsonNode {
  readonly value: unknown;
  readonly index: number;
  /** The members of an object or a list; `key` is where the name of an object's member begins. */
  readonly members: ReadonlyMap<string | number, { readonly node: JsonNode; readonly key: number }>;
}

/** Why a text is no JSON, and where. */
interface JsonProblem {
  readonly problem: string;
  readonly index: number;
}

class Unexpected extends Error {
  readonly index: number;
  constructor(message: string, index: number) {
    super(message);
    this.index = index;
  }
}

// Not the scalars that JSON forbids, so that a mistake in a number is found where it begins.
const scalar = /true|false|null|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])/y;
const string = /"(?:[^"\\\r\n\t]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/y;
const blank = /(?:\s|\/\/[^\r\n]*|\/\*[\s\S]*?\*\/)*/y;

/** Parses JSON with comments and trailing commas. What is wrong with it is said without quoting it. */
export function parseJsonc(text: string): JsonNode | JsonProblem {
  try {
    const reader = new Reader(text);
    const node = reader.value(0);
    reader.end();
    return node;
  } catch (error) {
    if (error instanceof Unexpected) return { problem: error.message, index: error.index };
    throw error;
  }
}

/** A scalar, which JSON refuses only for a control character. */
function parsed(text: string, index: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Unexpected('the string has a control character', index);
  }
}

// Deeper than any config, and far from the end of the stack.
const deepest = 200;

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): JsonNode {
    this.#skip();
    const index = this.#at;
    if (depth > deepest) throw new Unexpected('it is nested too deeply', index);
    if (this.#take('{')) return this.#object(index, depth);
    if (this.#take('[')) return this.#list(index, depth);
    const found = this.#match(string) ?? this.#match(scalar);
    if (found === null) throw new Unexpected(this.#expected('a value'), index);
    return { value: parsed(found, index), index, members: new Map() };
  }

  end(): void {
    this.#skip();
    if (this.#at < this.#text.length) throw new Unexpected('the end of the file is expected', this.#at);
  }

  #object(index: number, depth: number): JsonNode {
    const members = new Map<string, { node: JsonNode; key: number }>();
    for (;;) {
      this.#skip();
      if (this.#take('}')) break;
      const key = this.#at;
      const name = this.#match(string);
      if (name === null) throw new Unexpected(this.#expected('a key in double quotes or }'), key);
      this.#skip();
      if (!this.#take(':')) throw new Unexpected(this.#expected('a colon'), this.#at);
      const member = String(parsed(name, key));
      if (members.has(member)) throw new Unexpected('the key is there twice', key);
      members.set(member, { node: this.value(depth + 1), key });
      if (!this.#comma('}')) break;
    }
    const entries = [...members].map(([name, { node }]) => [name, node.value]);
    return { value: Object.fromEntries(entries), index, members };
  }

  #list(index: number, depth: number): JsonNode {
    const members = new Map<number, { node: JsonNode; key: number }>();
    for (;;) {
      this.#skip();
      if (this.#take(']')) break;
      const node = this.value(depth + 1);
      members.set(members.size, { node, key: node.index });
      if (!this.#comma(']')) break;
    }
    return { value: [...members.values()].map(({ node }) => node.value), index, members };
  }

  /** True after a comma, false after the closing sign. */
  #comma(closing: string): boolean {
    this.#skip();
    if (this.#take(',')) return true;
    if (this.#take(closing)) return false;
    throw new Unexpected(this.#expected(`a comma or ${closing}`), this.#at);
  }

  #skip(): void {
    this.#match(blank);
    if (this.#text.startsWith('/*', this.#at)) throw new Unexpected('the comment has no end', this.#at);
  }

  #take(sign: string): boolean {
    const found = this.#text.startsWith(sign, this.#at);
    if (found) this.#at += sign.length;
    return found;
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const [found = null] = pattern.exec(this.#text) ?? [];
    if (found !== null) this.#at += found.length;
    return found;
  }

  #expected(what: string): string {
    return `${what} is expected${this.#at >= this.#text.length ? ', and the file ends' : ''}`;
  }
}
