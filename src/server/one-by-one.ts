import type { Duplex } from 'node:stream';
import { leadingComment } from '../sql/comments.ts';
import { codePoints } from '../sql/position.ts';
import { sentStatements } from '../sql/sent-statements.ts';
import { Frames, frame } from './frames.ts';
import { Relay, type SocketLike } from './relay.ts';

/**
 * A stream that sends the statements of a message one by one, and hides this from the driver, for servers on which a
 * statement cannot be one of several in a message, as on Citus. The message becomes a pipeline of the extended protocol
 * with one Sync at its end, so it is still one round trip, and the server still skips what follows an error.
 */
export function sendOneByOne(socket: SocketLike): Duplex {
  return new Pipeline(socket);
}

/** A message on its way. */
interface Sent {
  readonly text: string;
  /** Where each statement begins in the text (UTF-16 indexes); `null` for one that was added to them. */
  readonly starts: readonly (number | null)[];
  /** How many statements are done. */
  done: number;
}

const codes = {
  query: code('Q'),
  ready: code('Z'),
  error: code('E'),
  done: [code('C'), code('I')],
  // ParseComplete, BindComplete and NoData: a simple query is answered without them.
  hidden: [code('1'), code('2'), code('n')],
};
const idle = code('I');
const beginsTransaction = /^(?:begin|start\s+transaction)\b/i;

class Pipeline extends Relay {
  readonly #outgoing = new Frames();
  readonly #incoming = new Frames();
  #isReady = false;
  #isIdle = false;
  #sent: Sent | null = null;

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    // The first message of a session has no type.
    if (!this.#isReady) {
      this.toServer(chunk, done);
      return;
    }
    const messages = [...this.#outgoing.take(chunk)].map((message) => this.#divided(message));
    this.toServer(Buffer.concat(messages), done);
  }

  protected override fromServer(chunk: Buffer): void {
    const kept = [...this.#incoming.take(chunk)].flatMap((message) => this.#answer(message));
    if (kept.length > 0) this.toDriver(Buffer.concat(kept));
  }

  #divided(message: Buffer): Buffer {
    if (message[0] !== codes.query) return message;
    const text = message.toString('utf8', 5, message.length - 1);
    const ranges = sentStatements(text);
    if (ranges.length < 2) return message;
    const statements = ranges.map(({ start, end }) => ({ start, sql: text.slice(start, end) }));
    // Several statements in one message are a transaction, unless one of them begins one.
    const isOne = this.#isIdle && !statements.some(({ sql }) => begins(sql));
    const all = isOne
      ? [{ start: null, sql: 'BEGIN' }, ...statements, { start: null, sql: 'COMMIT' }]
      : statements;
    this.#sent = { text, starts: all.map(({ start }) => start), done: 0 };
    return Buffer.concat([...all.map(({ sql }) => executing(sql)), frame('S', Buffer.alloc(0))]);
  }

  /** What the driver sees of an answer. */
  #answer(message: Buffer): Buffer[] {
    const [type = 0] = message;
    const sent = this.#sent;
    if (type === codes.ready) {
      this.#isReady = true;
      this.#isIdle = message[5] === idle;
      this.#sent = null;
    } else if (sent !== null) {
      if (codes.hidden.includes(type)) return [];
      if (codes.done.includes(type)) sent.done += 1;
      if (type === codes.error) return [inWholeText(message, sent)];
    }
    return [message];
  }
}

function code(type: string): number {
  return type.charCodeAt(0);
}

function begins(sql: string): boolean {
  return beginsTransaction.test(sql.slice(leadingComment(sql).length));
}

/** Parse, Bind, Describe and Execute of one statement without parameters, with rows as text. */
function executing(sql: string): Buffer {
  return Buffer.concat([
    frame('P', Buffer.from(`\0${sql}\0\0\0`)),
    frame('B', Buffer.alloc(8)),
    frame('D', Buffer.from('P\0')),
    frame('E', Buffer.alloc(5)),
  ]);
}

/** An error whose position counts from the beginning of the message, as if all of it had been sent at once. */
function inWholeText(error: Buffer, { text, starts, done }: Sent): Buffer {
  const start = starts[done];
  if (typeof start !== 'number') return error;
  const fields = error.toString('latin1', 5).split('\0');
  const before = codePoints(text.slice(0, start));
  const moved = fields.map((field) =>
    field.startsWith('P') ? `P${Number(field.slice(1)) + before}` : field,
  );
  return frame('E', Buffer.from(moved.join('\0'), 'latin1'));
}
