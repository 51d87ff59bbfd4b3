import { spansOf } from '../sql/comments.ts';
import { asksForNoTransaction } from '../sql/directives.ts';
import type { Range } from '../sql/ranges.ts';
import { type DirectedSection, directedSections } from '../sql/sections.ts';

/** The two directions of a file, without the marks of its tool. */
export interface Directions {
  readonly up: string;
  /** The statements that undo the migration; empty if the file has none. */
  readonly down: string;
  /** The changes, in words. */
  readonly changes: readonly string[];
}

// Comments that only the old tool needs. Those inside quotes are part of a statement.
const marks: readonly RegExp[] = [
  /^--\s*\+(?:goose|migrate|micrate)\s+(?:StatementBegin|StatementEnd|ENVSUB\s+\w+|NO\s+TRANSACTION)\s*$/i,
  /^--> statement-breakpoint\s*$/,
  /^--!\s*(?:Previous|Hash|Message|AllowInvalidHash)\b.*$/,
];

/** The line that says to run a file outside a transaction. */
export const noTransactionMark = '-- sqlmig: no-transaction\n';

/** Divides a file of another tool into its two directions, and removes the tool's marks. */
export function splitDirections(text: string): Directions {
  const sections = directedSections(text);
  const parts = sectionTexts(text, sections);
  const [up, down] = [withoutMarks(parts.up), withoutMarks(parts.down)];
  const changes = [
    ...(sections.length > 0 || up !== text ? ['marks removed'] : []),
    ...(parts.down === '' ? [] : ['down section moved to a separate file']),
  ];
  if (!asksForNoTransaction(text) || asksForNoTransaction(up))
    return { up, down: unlessComment(down), changes };
  const undoing = unlessComment(down);
  return {
    up: noTransactionMark + up,
    down: undoing === '' ? '' : noTransactionMark + undoing,
    changes: [...changes, 'no-transaction mark replaced'],
  };
}

function sectionTexts(text: string, sections: readonly DirectedSection[]): { up: string; down: string } {
  const parts = { up: text.slice(0, lineStart(text, sections[0]?.start ?? text.length)), down: '' };
  sections.forEach(({ direction, start }, i) => {
    const next = sections[i + 1]?.start;
    parts[direction] += text.slice(
      lineEnd(text, start),
      next === undefined ? text.length : lineStart(text, next),
    );
  });
  return parts;
}

function withoutMarks(text: string): string {
  const ranges: Range[] = [...spansOf(text)]
    .filter(
      ({ kind, start, end }) => kind === 'line' && marks.some((mark) => mark.test(text.slice(start, end))),
    )
    .map(({ start, end }) => {
      const line = lineStart(text, start);
      const isAlone = text.slice(line, start).trim() === '';
      return isAlone ? { start: line, end: lineEnd(text, start) } : { start, end };
    });
  return without(text, ranges);
}

/** A text without these ranges, which are sorted and do not overlap. */
export function without(text: string, ranges: readonly Range[]): string {
  let done = 0;
  const parts = ranges.map(({ start, end }) => {
    const part = text.slice(done, start);
    done = end;
    return part;
  });
  return parts.join('') + text.slice(done);
}

/** The text, or an empty one if it has only comments and blanks. */
function unlessComment(down: string): string {
  return [...spansOf(down)].some(({ kind }) => kind === 'code') ? down : '';
}

function lineStart(text: string, index: number): number {
  if (index >= text.length) return text.length;
  return Math.max(text.lastIndexOf('\n', index - 1), text.lastIndexOf('\r', index - 1)) + 1;
}

function lineEnd(text: string, index: number): number {
  const end = /\r\n|\r|\n/g;
  end.lastIndex = index;
  return end.exec(text) === null ? text.length : end.lastIndex;
}
