/** A token of JavaScript or TypeScript. */
export type CodeToken =
  /** A string, or a template without expressions, with its value. */
  | { readonly kind: 'string'; readonly value: string }
  /** Anything else: a word, a sign, or a template with expressions up to the first one. */
  | { readonly kind: 'other'; readonly text: string };

const skipped = /(?:\s+|\/\/[^\r\n]*|\/\*[\s\S]*?\*\/)+/y;
const quoted =
  /'([^'\\\r\n]*(?:\\[\s\S][^'\\\r\n]*)*)'|"([^"\\\r\n]*(?:\\[\s\S][^"\\\r\n]*)*)"|`([^`\\$]*(?:(?:\\[\s\S]|\$(?!\{))[^`\\$]*)*)`/y;
const other = /[\p{L}_$][\p{L}\p{N}_$]*|=>|[\s\S]/uy;

/** The tokens of a text without its comments. A regular expression is taken for signs and words. */
export function codeTokens(text: string): CodeToken[] {
  const tokens: CodeToken[] = [];
  let at = 0;
  const take = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) at = pattern.lastIndex;
    return found;
  };
  for (take(skipped); at < text.length; take(skipped)) {
    const string = take(quoted);
    if (string === null) tokens.push({ kind: 'other', text: take(other)?.[0] ?? '' });
    else tokens.push({ kind: 'string', value: unescaped(string[1] ?? string[2] ?? string[3] ?? '') });
  }
  return tokens;
}

const escaped = /\\(?:u\{([\da-f]+)\}|u([\da-f]{4})|x([\da-f]{2})|(\r\n|[\s\S]))/gi;
const controls: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  b: '\b',
  f: '\f',
  v: '\v',
  0: '\0',
  // An escaped end of a line is left out.
  '\n': '',
  '\r': '',
  '\r\n': '',
};

function unescaped(body: string): string {
  return body.replace(escaped, (...[, long, four, two, char = '']: (string | undefined)[]) => {
    const code = long ?? four ?? two;
    return code === undefined ? (controls[char] ?? char) : String.fromCodePoint(Number.parseInt(code, 16));
  });
}
