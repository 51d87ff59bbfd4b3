import type { CodeToken } from './code-tokens.ts';

/** A function in JavaScript or TypeScript. */
export interface CodeFunction {
  /** The words in its list of parameters. */
  readonly parameters: ReadonlySet<string>;
  /** The tokens of its body, without the braces. */
  readonly body: readonly CodeToken[];
}

function textOf(token: CodeToken | undefined): string {
  return token?.kind === 'other' ? token.text : '';
}

/** The function of this name; `unknown` if there are several, or the name is also one of something else. */
export function functionNamed(name: string, tokens: readonly CodeToken[]): CodeFunction | 'none' | 'unknown' {
  // A name may come twice: exports.up = function up() {}.
  const found = new Map<number, CodeFunction>();
  let isUsed = false;
  for (const [i, token] of tokens.entries()) {
    const isKey = token.kind === 'string' && token.value === name && /^[\]:]$/.test(textOf(tokens[i + 1]));
    if (isKey) return 'unknown';
    if (textOf(token) !== name) continue;
    const start = startAt(tokens, i + 1);
    const end = start === null ? null : closing(tokens, start.body);
    if (start !== null && end !== null) {
      const parameters = new Set(tokens.slice(start.parameters, start.body).map(textOf));
      found.set(start.body, { parameters, body: tokens.slice(start.body + 1, end) });
    } else if (isUse(tokens, i)) isUsed = true;
    else if (!isNothing(tokens, i)) return 'unknown';
  }
  const [first] = found.values();
  return found.size === 1 && first !== undefined ? first : found.size > 1 || isUsed ? 'unknown' : 'none';
}

/** Whether the name at `i` only passes the function on, as in `module.exports = { up, down }` or `exports.up = up`. */
function isUse(tokens: readonly CodeToken[], i: number): boolean {
  const [before, name, after = '', value] = [-1, 0, 1, 2].map((offset) => textOf(tokens[i + offset]));
  if (/^[=:]$/.test(after)) return value === name;
  return /^[,;})]?$/.test(after) || (/^[=:]$/.test(before ?? '') && !/^[(.[]$/.test(after));
}

/** Whether the name at `i` is set to nothing, as in `exports.down = false`. */
function isNothing(tokens: readonly CodeToken[], i: number): boolean {
  const [after = '', value = '', end = ''] = [1, 2, 3].map((offset) => textOf(tokens[i + offset]));
  return /^[=:]$/.test(after) && /^(?:false|null|undefined)$/.test(value) && /^(?:[,;}]|\w*)$/.test(end);
}

/** Where the parameters and the body of a function begin whose name ends before `from`. */
function startAt(
  tokens: readonly CodeToken[],
  from: number,
): { readonly parameters: number; readonly body: number } | null {
  const isName = (text: string, i: number) => textOf(tokens[i - 1]) === 'function' && /^\w+$/.test(text);
  let i = from;
  while (['=', ':', 'async', 'function'].includes(textOf(tokens[i])) || isName(textOf(tokens[i]), i)) i += 1;
  const parameters = i;
  const end = textOf(tokens[i]) === '(' ? closing(tokens, i) : textOf(tokens[i + 1]) === '=>' ? i : null;
  if (end === null) return null;
  // The type of its result, and the arrow.
  i = end + 1;
  while (/^(?:[\w$]+|[:<>.|[\]]|=>)$/.test(textOf(tokens[i]))) i += 1;
  const isType = /^[:<|]$/.test(textOf(tokens[i - 1]));
  return textOf(tokens[i]) === '{' && !isType ? { parameters, body: i } : null;
}

const pairs: Readonly<Record<string, number>> = { '(': 1, '{': 1, '[': 1, ')': -1, '}': -1, ']': -1 };

/** Where the bracket at `from` is closed. */
function closing(tokens: readonly CodeToken[], from: number): number | null {
  let depth = 0;
  for (let i = from; i < tokens.length; i += 1) {
    depth += pairs[textOf(tokens[i])] ?? 0;
    if (depth === 0) return i;
  }
  return null;
}
