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
  /** Some files share a transaction. */
  readonly joins: boolean;
}

/** A message under construction. */
export interface MessageText {
  add(...parts: readonly string[]): void;
  addFile(script: Script): void;
  done(joins?: boolean): Message;
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
    done: (joins = false) => ({ text: text.join(''), files, joins }),
  };
}
