import { spansOf } from './comments.ts';

/** Which way a section of a file goes. */
type Direction = 'up' | 'down';

/** A part of a file that another tool runs in the other direction. */
export interface Section {
  /** The tool that has such marks. */
  readonly tool: string;
  /** The mark as written in the file. */
  readonly mark: string;
  /** UTF-16 indexes of the mark's first character and of the section's end. */
  readonly start: number;
  readonly end: number;
}

/**
 * The marks of a tool, which are comments. The group is the direction of the section that follows; without a group it
 * is down.
 */
interface Tool {
  readonly name: string;
  /** Always a mark. */
  readonly mark?: RegExp;
  /** A mark if it is between statements. */
  readonly between?: RegExp;
  /** A mark between statements. For down, only after a mark for up, since a sentence may begin like this. */
  readonly afterUp?: RegExp;
}

// Each as the tool itself finds it, but less strict about indentation, case and the rest of the line: an unnecessary
// refusal does less harm than a down section that runs.
const tools: readonly Tool[] = [
  { name: 'goose', mark: /^--\s*\+goose\s+(up|down)\b/i },
  { name: 'dbmate', mark: /^--\s*migrate:(up|down)\b/i },
  { name: 'sql-migrate', mark: /^--\s*\+migrate\s+(up|down)\b/i },
  { name: 'micrate', mark: /^--\s*\+micrate\s+(up|down)\b/i },
  {
    name: 'node-pg-migrate',
    mark: /^--[\s-]*(up|down)\s+migration[\s:=-]*(?:\(.*\))?$/i,
    afterUp: /^--[\s-]*(up|down)\s+migration/i,
  },
  { name: 'tern', mark: /^---- create above \/ drop below ----/ },
  { name: 'MyBatis Migrations', mark: /^--\s*(?:\/\/.*)?@UNDO\b/ },
  { name: 'Play evolutions', mark: /^(?:--|#).*!(Ups|Downs)/ },
  { name: 'rambler', mark: /^--\s*rambler\s+(up|down)\b/i },
  { name: 'shmig', mark: /^--\s*=+\s*(up|down)\s*=+$/i },
  { name: 'Atlas', mark: /^-- (down|migration|checks.*)\.sql --$/ },
  { name: 'aerich', mark: /^--\s*(up|down)grade\s*--$/i },
  { name: 'Mojo::Pg', afterUp: /^--\s*\d+\s*(up|down)\b/i },
  {
    name: 'a tool that keeps the up and down sections in one file',
    between: /^--[\s#@;-]*(up|down)[\s:;{-]*$/i,
  },
];

// Most files have no such line, and their quotes need not be parsed.
const candidate = /^[ \t]*(?:--|#).*(?:down|up|undo|create above)/im;

/** A section with its direction. */
export interface DirectedSection extends Section {
  readonly direction: Direction;
  /** True if it contains more than comments. */
  readonly hasCode: boolean;
}

/** The sections of a text in the other direction that contain more than comments, in order. */
export function foreignSections(text: string, ownDirection: Direction): Section[] {
  return directedSections(text)
    .filter(({ direction, hasCode }) => direction !== ownDirection && hasCode)
    .map(({ tool, mark, start, end }) => ({ tool, mark, start, end }));
}

/**
 * The marked sections of a text, in their order. One pass for all tools. A mark inside quotes does not count, since
 * cutting there would leave half a statement.
 */
export function directedSections(text: string): DirectedSection[] {
  if (!candidate.test(text)) return [];
  const current = new Map<Tool, { direction: Direction; mark: string; start: number; hasCode: boolean }>();
  const result: DirectedSection[] = [];
  const close = (tool: Tool, end: number) => {
    const section = current.get(tool);
    if (section !== undefined) result.push({ tool: tool.name, ...section, end });
  };
  let betweenStatements = true;
  for (const { kind, start, end } of spansOf(text)) {
    if (kind === 'code') {
      const code = text.slice(start, end).trim();
      betweenStatements = code.endsWith(';');
      if (/[^\s;]/.test(code)) for (const section of current.values()) section.hasCode = true;
      continue;
    }
    if (kind === 'block' || !startsLine(text, start)) continue;
    const mark = text.slice(start, end).trimEnd();
    for (const tool of tools) {
      const direction = directionOf(tool, mark, { between: betweenStatements, isOpen: current.has(tool) });
      if (direction === null) continue;
      close(tool, start);
      current.set(tool, { direction, mark, start, hasCode: false });
      break;
    }
  }
  for (const tool of current.keys()) close(tool, text.length);
  return result.sort((a, b) => a.start - b.start);
}

/** True for a line that Play takes for a comment and PostgreSQL does not, in a file with marks of Play. */
export function isPlayComment(text: string, index: number): boolean {
  return text[index] === '#' && startsLine(text, index) && /^(?:--|#).*!(?:Ups|Downs)/m.test(text);
}

interface MarkPlace {
  /** True between two statements. */
  readonly between: boolean;
  /** True after an earlier mark of the same tool. */
  readonly isOpen: boolean;
}

/** The direction of the section that a comment starts; `null` if the comment is not a mark. */
function directionOf(tool: Tool, comment: string, { between, isOpen }: MarkPlace): Direction | null {
  const certain = tool.mark?.exec(comment) ?? (between ? tool.between?.exec(comment) : null) ?? null;
  const match = certain ?? (between ? tool.afterUp?.exec(comment) : null) ?? null;
  if (match === null) return null;
  if (match[1] !== undefined && !/^down/i.test(match[1])) return 'up';
  return certain !== null || isOpen ? 'down' : null;
}

function startsLine(text: string, index: number): boolean {
  for (let i = index - 1; i >= 0; i--) {
    if (text[i] === '\n' || text[i] === '\r') return true;
    if (text[i] !== ' ' && text[i] !== '\t') return false;
  }
  return true;
}
