import { sentText } from '../sql/filling.ts';
import type { Script } from '../sql/migration.ts';

/** A message, and where the text of each file is in it (UTF-16 indexes). */
export interface Message {
  readonly text: string;
  readonly files: readonly {
    readonly script: Script;
    readonly start: number;
    readonly end: number;
  }[];
  /** The number of files in each transaction, in order; empty if all share one or the message has none. */
  readonly transactions: readonly number[];
}

/** A message under construction. */
export interface MessageText {
  add(...parts: readonly string[]): void;
  addFile(script: Script): void;
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
    addFile(script) {
      const start = length;
      add(sentText(script));
      files.push({ script, start, end: length });
    },
    done: (transactions = []) => ({ text: text.join(''), files, transactions }),
  };
}
