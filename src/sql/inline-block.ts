import { indexOfLine } from './position.ts';

/**
 * The UTF-16 index in a file's text of the first character of the line of a DO block that the server's context names
 * (`where`); `null` if it names none.
 */
export function indexInBlock(
  text: string,
  statement: { readonly start: number; readonly end: number },
  where: string | undefined,
): number | null {
  const line = /inline_code_block line (\d+)/.exec(where ?? '')?.[1];
  const body = /\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$/u.exec(text.slice(statement.start, statement.end));
  if (line === undefined || body === null) return null;
  const from = statement.start + body.index + body[0].length;
  const rest = text.slice(from, statement.end);
  const start = indexOfLine(rest, Number(line));
  const indent = /^[^\S\r\n]*/.exec(rest.slice(start))?.[0] ?? '';
  return from + start + indent.length;
}
