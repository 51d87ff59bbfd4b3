/** A token of JavaScript or TypeScript. */
export type CodeToken =
  /** A string, or a template without expressions, with its value. */
  | { readonly kind: 'string'; readonly value: string }
  /** Anything else: a word, a sign, a regular expression, or a piece of a template between its expressions. */
  | { readonly kind: 'other'; readonly text: string };

const skipped = /(?:\s+|\/\/[^\r\n]*|\/\*[\s\S]*?\*\/)+/y;
const quoted =
  /'([^'\\\r\n]*(?:\\(?:\r\n|[\s\S])[^'\\\r\n]*)*)'|"([^"\\\r\n]*(?:\\(?:\r\n|[\s\S])[^"\\\r\n]*)*)"/y;
const piece = /[`}]([^`\\$]*(?:(?:\\[\s\S]|\$(?!\{))[^`\\$]*)*)(`|\$\{)/y;
const regularExpression = /\/(?:[^/\\[\r\n]|\\.|\[(?:[^\]\\\r\n]|\\.)*\])+\/[a-z]*/y;
const other = /[\p{L}_$][\p{L}\p{N}_$]*|=>|[\s\S]/uy;

/** The tokens of a text without its comments; `null` if a quote has no end. */
export function codeTokens(text: string): CodeToken[] | null {
  const tokens: CodeToken[] = [];
  // The depths of braces at which the open templates continue.
  const templates: number[] = [];
  let [at, depth] = [0, 0];
  const take = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) at = pattern.lastIndex;
    return found;
  };
  const add = (found: string) => tokens.push({ kind: 'other', text: found });
  const skip = () => {
    const blank = take(skipped)?.[0] ?? '';
    const last = tokens.at(-1);
    // A line break after return ends the statement.
    if (/[\r\n]/.test(blank) && last?.kind === 'other' && last.text === 'return') add(';');
  };
  for (skip(); at < text.length; skip()) {
    const isTemplate = text[at] === '`';
    const string = take(quoted);
    if (string !== null) {
      tokens.push({ kind: 'string', value: unescaped(string[1] ?? string[2] ?? '') });
    } else if (isTemplate || (text[at] === '}' && templates.at(-1) === depth)) {
      const [, body = '', end] = take(piece) ?? [];
      if (end === undefined) return null;
      if (!isTemplate) templates.pop();
      if (end !== '`') templates.push(depth);
      // The end of a line in a template is always a line feed.
      if (isTemplate && end === '`')
        tokens.push({ kind: 'string', value: unescaped(body.replace(/\r\n?/g, '\n')) });
      else add('`');
    } else {
      const [sign = ''] = (!isOperand(tokens.at(-1)) && take(regularExpression)) || (take(other) ?? []);
      if (sign === "'" || sign === '"') return null;
      depth += sign === '{' ? 1 : sign === '}' ? -1 : 0;
      add(sign);
    }
  }
  return templates.length === 0 ? tokens : null;
}

const beforeOperand = /^(?:await|case|delete|do|else|in|instanceof|new|of|return|throw|typeof|void|yield)$/;

/** Whether a slash after this token divides. */
function isOperand(token: CodeToken | undefined): boolean {
  if (token?.kind !== 'other') return token !== undefined;
  return /[\p{L}\p{N}_$)\]}`]$/u.test(token.text) && !beforeOperand.test(token.text);
}

const escaped =
  /\\(?:u\{0*((?:10|[\da-fA-F])?[\da-fA-F]{1,4})\}|u([\da-fA-F]{4})|x([\da-fA-F]{2})|([0-3]?[0-7]{1,2})|(\r\n|[\s\S]))/g;
const controls: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  b: '\b',
  f: '\f',
  v: '\v',
  // An escaped end of a line is left out.
  '\n': '',
  '\r': '',
  '\r\n': '',
  '\u2028': '',
  '\u2029': '',
};

function unescaped(body: string): string {
  return body.replace(
    escaped,
    (...[, long, four, two, octal, char = '']: readonly (string | undefined)[]) => {
      const hex = long ?? four ?? two;
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      return octal === undefined ? (controls[char] ?? char) : String.fromCodePoint(Number.parseInt(octal, 8));
    },
  );
}
