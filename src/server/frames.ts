/** Cuts the bytes of the protocol into messages: a type, a length, and what that covers. */
export class Frames {
  #chunks: Buffer[] = [];
  #length = 0;

  /** The messages that a chunk completes. */
  *take(chunk: Buffer): Generator<Buffer> {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    while (this.#length >= 5) {
      if ((this.#chunks[0]?.length ?? 0) < 5) this.#join();
      const length = 1 + (this.#chunks[0]?.readUInt32BE(1) ?? 0);
      if (this.#length < length) return;
      const bytes = this.#join();
      this.#chunks = [bytes.subarray(length)];
      this.#length -= length;
      yield bytes.subarray(0, length);
    }
  }

  /** What came after the last message taken. */
  rest(): Buffer {
    return this.#join();
  }

  #join(): Buffer {
    const [first = Buffer.alloc(0), ...more] = this.#chunks;
    if (more.length > 0) this.#chunks = [Buffer.concat([first, ...more])];
    return this.#chunks[0] ?? first;
  }
}

/** One message of the protocol. */
export function frame(type: string, payload: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeUInt32BE(4 + payload.length, 1);
  return Buffer.concat([head, payload]);
}
