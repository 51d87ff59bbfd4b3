import { bareRangesOf } from './comments.ts';
import type { Range } from './ranges.ts';

const marks = /[();]|[A-Za-z_\u0080-\uffff][\w\u0080-\uffff$]*|\S/g;
// The first words of a statement with a body: from BEGIN to END a semicolon does not end it.
const createsRoutine = /^create (?:or replace )?(?:function|procedure) /;

/**
 * The statements of a text that parses, each from the end of the one before it to its semicolon. Splits the text as
 * psql does (src/fe_utils/psqlscan.l), with a fraction of the time and memory of the parser.
 */
export function sentStatements(text: string): Range[] {
  const statements: Range[] = [];
  let start = 0;
  let statement = beginning();
  for (const range of bareRangesOf(text)) {
    for (const { 0: mark, index } of text.slice(range.start, range.end).matchAll(marks)) {
      if (mark !== ';' || statement.depth > 0 || statement.blocks > 0) {
        statement.take(mark.toLowerCase());
        continue;
      }
      const end = range.start + index + 1;
      if (!statement.isEmpty) statements.push({ start, end });
      start = end;
      statement = beginning();
    }
  }
  if (!statement.isEmpty) statements.push({ start, end: text.length });
  return statements;
}

/** A statement that has just begun. */
function beginning() {
  let words = '';
  let count = 0;
  return {
    isEmpty: true,
    /** How many parentheses are open. */
    depth: 0,
    /** How many of BEGIN and CASE are open in the body of a routine. */
    blocks: 0,
    take(mark: string) {
      this.isEmpty = false;
      if (mark === '(') this.depth += 1;
      else if (mark === ')') this.depth -= 1;
      else if (count++ < 4) words += `${mark} `;
      else if (this.depth === 0 && createsRoutine.test(words)) {
        if (mark === 'begin' || (mark === 'case' && this.blocks > 0)) this.blocks += 1;
        else if (mark === 'end' && this.blocks > 0) this.blocks -= 1;
      }
    },
  };
}
