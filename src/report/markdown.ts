import { fewAndMore } from '../text/few.ts';
import { distinctNames, type NamedSchema, printable } from './table.ts';

// GitHub accepts no longer comment.
const mostOfComment = 65_536;

const mostOfSpan = 400;

/** How many names of schemas an item has. */
export const namesPerItem = 3;

/** A heading with a list, whose items are Markdown. */
export interface ListSection {
  readonly title: string;
  readonly items: readonly string[];
}

/**
 * A text as a code span. Nothing in it is rendered as Markdown, HTML, a link or a mention. Line breaks become spaces,
 * other control characters are escaped, and a long text ends with `…`.
 */
export function codeSpan(text: string): string {
  const start = text.slice(0, 4 * mostOfSpan);
  const characters = [...printable(start.replace(/[\r\n]+\s*/g, ' '))];
  const isShort = start === text && characters.length <= mostOfSpan;
  const shown = characters.slice(0, mostOfSpan).join('') + (isShort ? '' : '…');
  if (shown === '') return '';
  const longest = Math.max(0, ...(shown.match(/`+/g) ?? []).map(({ length }) => length));
  const fence = '`'.repeat(longest + 1);
  // CommonMark removes one space on both sides, so that the text may begin or end with a backtick or a space.
  const space = /^[` ]|[` ]$/.test(shown) ? ' ' : '';
  return fence + space + shown + space + fence;
}

/** The names of schemas as code spans, with their databases if these differ: the first ones and the number of others. */
export function schemaSpans(schemas: readonly NamedSchema[], most: number): string {
  return fewAndMore(distinctNames(schemas).map(codeSpan), most);
}

/**
 * A comment of at most 65,536 characters, the limit of GitHub: its head, and sections with lists. Of lists that are too
 * long only the first items are kept, and each says how many were left out. Sections without items are omitted.
 */
export function comment(head: string, sections: readonly ListSection[]): string {
  const filled = sections.filter(({ items }) => items.length > 0);
  const lengths = filled.map(({ items }) => items.length);
  const whole = Math.max(0, ...lengths);
  let kept = 0;
  // The most items per list with which the comment fits, between `kept` and `tooMany`.
  let tooMany = whole + 1;
  while (tooMany - kept > 1) {
    const middle = Math.floor((kept + tooMany) / 2);
    if (withItems(head, filled, middle).length <= mostOfComment) kept = middle;
    else tooMany = middle;
  }
  return withItems(head, filled, kept);
}

function withItems(head: string, sections: readonly ListSection[], most: number): string {
  return [head, ...sections.map((section) => sectionText(section, most))].join('\n');
}

function sectionText({ title, items }: ListSection, most: number): string {
  const more = items.length - most;
  const left = more > 0 ? `- _${more} more, left out because GitHub limits the length of a comment_\n` : '';
  return `#### ${title}\n\n${items
    .slice(0, most)
    .map((item) => `- ${item}\n`)
    .join('')}${left}`;
}

/** The lines of a list item, with hard line breaks between them. */
export function linesOfItem(lines: readonly string[]): string {
  return lines.join('  \n  ');
}
