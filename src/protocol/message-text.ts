import { sentText } from '../sql/filling.ts';
import type { Script } from '../sql/migration.ts';
import type { Range } from '../sql/ranges.ts';

/** A part of a file in a message. */
interface Piece extends Range {
  /** Where it begins in the file. */
  readonly from: number;
}

/** A message, and where the text of each file is in it (UTF-16 indexes). */
export interface Message {
  readonly text: string;
  readonly files: readonly { readonly script: Script; readonly pieces: readonly Piece[] }[];
  /** The number of files in each transaction, in order; empty if all share one or the message has none. */
  readonly transactions: readonly number[];
}

/** A message under construction. */
export interface MessageText {
  add(...parts: readonly string[]): void;
  /** Adds the text of a file, with `after(n)` behind statement n, from 0, where that is not empty. */
  addFile(script: Script, after?: (statement: number) => string): void;
  done(transactions?: readonly number[]): Message;
}

/** Starts an empty message. */
export function createMessage(): MessageText {
  const text: string[] = [];
  const files: Message['files'][number][] = [];
  let length = 0;
  const add = (...parts: readonly string[]) => {
    for (const part of parts) {
      text.push(part);
      length += part.length;
    }
  };
  return {
    add,
    addFile(script, after = () => '') {
      const pieces: Piece[] = [];
      const addPiece = ({ start: from, end }: Range) => {
        const start = length;
        add(sentText(script, { start: from, end }));
        pieces.push({ start, end: length, from });
      };
      let from = 0;
      for (const [n, { end }] of script.statements.entries()) {
        const sql = after(n);
        if (sql === '') continue;
        addPiece({ start: from, end });
        add(`\n;\n${sql}`);
        from = end;
      }
      addPiece({ start: from, end: script.text.length });
      files.push({ script, pieces });
    },
    done: (transactions = []) => ({ text: text.join(''), files, transactions }),
  };
}
