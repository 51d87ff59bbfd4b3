import { spansOf } from './comments.ts';

/** Which way a section of a file goes. */
export type Way = 'up' | 'down';

/** A part of a file that another tool runs when it goes the other way. */
export interface Section {
  /** The tool that has such marks. */
  readonly tool: string;
  /** The mark as it stands in the file. */
  readonly mark: string;
  /** UTF-16 indexes of the mark's first character and of the section's end. */
  readonly start: number;
  readonly end: number;
}

interface Tool {
  readonly name: string;
  /** Matches a comment that is a mark; the group says which way what follows goes, without a group it is down. */
  readonly mark: RegExp;
  /** True where people write such comments without meaning a mark: then it must stand between statements. */
  readonly vague?: true;
  /** True where a mark means something only after one for up. */
  readonly afterUp?: true;
}

// Each as the tool itself finds it, but for indentation, case and what may follow: there a refusal is the lesser evil.
const tools: readonly Tool[] = [
  { name: 'goose', mark: /^--\s*\+goose\s+(up|down)\b/i },
  { name: 'dbmate', mark: /^--\s*migrate:(up|down)\b/i },
  { name: 'sql-migrate', mark: /^--\s*\+migrate\s+(up|down)\b/i },
  { name: 'micrate', mark: /^--\s*\+micrate\s+(up|down)\b/i },
  { name: 'node-pg-migrate', mark: /^--[\s-]*(up|down)\s+migration/i },
  { name: 'tern', mark: /^---- create above \/ drop below ----/ },
  { name: 'MyBatis Migrations', mark: /^--\s*(?:\/\/.*)?@UNDO\b/ },
  { name: 'Play evolutions', mark: /^(?:--|#).*!(Ups|Downs)/ },
  { name: 'rambler', mark: /^--\s*rambler\s+(up|down)\b/i },
  { name: 'shmig', mark: /^--\s*=+\s*(up|down)\s*=+$/i },
  { name: 'Atlas', mark: /^-- (down|migration|checks.*)\.sql --$/ },
  { name: 'aerich', mark: /^--\s*(up|down)grade\s*--$/i },
  { name: 'Mojo::Pg', mark: /^--\s*\d+\s*(up|down)\b/i, vague: true, afterUp: true },
  { name: 'a tool that keeps both ways in one file', mark: /^--[\s#@;-]*(up|down)[\s:;-]*$/i, vague: true },
];

// Most files have no such line, and need no look at their quotes.
const candidate = /^[ \t]*(?:--|#).*(?:down|up|undo|create above)/im;

/**
 * The sections of a text that go the other way than `own` and hold more than comments, in their order. One pass, whatever
 * the number of tools; a mark inside quotes is none, since the tool that cuts there would be left with half a statement.
 */
export function foreignSections(text: string, own: Way): Section[] {
  if (!candidate.test(text)) return [];
  const current = new Map<Tool, { way: Way; mark: string; start: number; filled: boolean }>();
  const result: Section[] = [];
  const close = (tool: Tool, end: number) => {
    const section = current.get(tool);
    if (section === undefined || section.way === own || !section.filled) return;
    result.push({ tool: tool.name, mark: section.mark, start: section.start, end });
  };
  let betweenStatements = true;
  for (const { kind, start, end } of spansOf(text)) {
    if (kind === 'code') {
      const code = text.slice(start, end).trim();
      betweenStatements = code.endsWith(';');
      if (/[^\s;]/.test(code)) for (const section of current.values()) section.filled = true;
      continue;
    }
    if (kind === 'block' || !startsLine(text, start)) continue;
    const mark = text.slice(start, end).trimEnd();
    const tool = tools.find((one) => one.mark.test(mark) && (one.vague !== true || betweenStatements));
    if (tool === undefined) continue;
    const way = wayOf(tool, mark);
    if (way === 'down' && tool.afterUp === true && !current.has(tool)) continue;
    close(tool, start);
    current.set(tool, { way, mark, start, filled: false });
  }
  for (const tool of current.keys()) close(tool, text.length);
  return result.sort((a, b) => a.start - b.start);
}

/** True for a line that Play takes for a comment and PostgreSQL does not, in a file with marks of Play. */
export function isPlayComment(text: string, index: number): boolean {
  return text[index] === '#' && startsLine(text, index) && /^(?:--|#).*!(?:Ups|Downs)/m.test(text);
}

function wayOf({ mark }: Tool, line: string): Way {
  const [, way = 'down'] = mark.exec(line) ?? [];
  return /^down/i.test(way) ? 'down' : 'up';
}

function startsLine(text: string, index: number): boolean {
  for (let i = index - 1; i >= 0; i--) {
    if (text[i] === '\n' || text[i] === '\r') return true;
    if (text[i] !== ' ' && text[i] !== '\t') return false;
  }
  return true;
}
