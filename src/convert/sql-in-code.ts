import { type CodeToken, codeTokens } from './code-tokens.ts';

/** The SQL that a migration in JavaScript or TypeScript runs. */
export interface SqlInCode {
  readonly up: string;
  /** Empty if it undoes nothing; `null` if it does so with other code. */
  readonly down: string | null;
  /** The tool runs it outside a transaction. */
  readonly isOutside: boolean;
}

/**
 * Reads a migration whose function `up` only passes constant strings to the query function of TypeORM, MikroORM, knex,
 * Sequelize, db-migrate or node-pg-migrate. Returns `null` for any other code.
 */
export function sqlInCode(path: string, text: string): SqlInCode | null {
  if (!/\.[cm]?[jt]s$/.test(path)) return null;
  const tokens = codeTokens(text);
  if (tokens === null) return null;
  const [up, down] = [bodyOf('up', tokens), bodyOf('down', tokens)];
  const forward = up === null || up.length === 0 ? null : queriesIn(up);
  if (forward === null) return null;
  const back = down === null ? null : queriesIn(down);
  return { up: joined(forward), down: back && joined(back), isOutside: outside.test(spaced(tokens)) };
}

// TypeORM and knex; MikroORM; node-pg-migrate.
const outside =
  / transaction (?:: boolean )?[:=] false\b| isTransactional \( \) (?:: boolean )?\{ return false\b| \w+ \. noTransaction \( \)/;

/** The tokens, with a blank before each. */
function spaced(tokens: readonly CodeToken[]): string {
  return tokens.map((token) => ` ${token.kind === 'string' ? someString : token.text}`).join('');
}

const textOf = (token: CodeToken | undefined): string => (token?.kind === 'other' ? token.text : '');

/** The tokens of a function's body with its braces, none without the function; `null` if there are several, or no end. */
function bodyOf(name: string, tokens: readonly CodeToken[]): readonly CodeToken[] | null {
  // A name may come twice: exports.up = function up() {}.
  const starts = new Set(
    tokens.flatMap((token, i) => (textOf(token) === name ? (bodyStart(tokens, i + 1) ?? []) : [])),
  );
  const [start] = starts;
  if (start === undefined) return [];
  const end = closing(tokens, start);
  return starts.size > 1 || end === null ? null : tokens.slice(start, end + 1);
}

/** Where the body of a function begins whose name ends before `from`. */
function bodyStart(tokens: readonly CodeToken[], from: number): number | null {
  const isName = (text: string, i: number) => textOf(tokens[i - 1]) === 'function' && /^\w+$/.test(text);
  let i = from;
  while (['=', ':', 'async', 'function'].includes(textOf(tokens[i])) || isName(textOf(tokens[i]), i)) i += 1;
  if (textOf(tokens[i]) !== '(') return null;
  const end = closing(tokens, i);
  if (end === null) return null;
  // The type of its result, and the arrow.
  i = end + 1;
  while (/^(?:[\w$]+|[:<>.|]|=>)$/.test(textOf(tokens[i]))) i += 1;
  return textOf(tokens[i]) === '{' ? i : null;
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

// No other token has this text.
const someString = "''";

// What a body may have, with a blank before each token: nothing of note, a constant, or a query.
const plain =
  / ;| return(?: null| undefined)?(?= [;}])| (?:cb|callback|done|next) \( \)| \w+ \. noTransaction \( \)| (?:console|log|logger) \. \w+ \( '' \)/y;
const strings = String.raw`''(?: \+ '')*`;
const constant = new RegExp(String.raw` const (?<name>\w+)(?: : string)? = ${strings}`, 'y');
const query = new RegExp(
  String.raw`(?: return)?(?: await)? \w+(?: \. \w+)* \. (?<call>query|addSql|runSql|raw|sql) \( (?:${strings}|(?<name>\w+))(?: , (?:cb|callback|done|next))?(?: ,)? \)`,
  'y',
);

/** The strings that the statements of a body pass to queries; `null` if it does anything else. */
function queriesIn(body: readonly CodeToken[]): readonly string[] | null {
  const values = body.flatMap((token) => (token.kind === 'string' ? [token.value] : []));
  const code = `${spaced(body.slice(1, -1))} }`;
  const constants = new Map<string, string>();
  const queries: string[] = [];
  for (let at = 0; code.slice(at) !== ' }'; ) {
    for (const pattern of [plain, constant, query]) pattern.lastIndex = at;
    const found = query.exec(code) ?? constant.exec(code) ?? plain.exec(code);
    if (found === null) return null;
    at += found[0].length;
    // What follows never runs.
    if (found[0].startsWith(' return') && !/^(?: ;)* \}$/.test(code.slice(at))) return null;
    const own = values.splice(0, found[0].split(someString).length - 1).join('');
    const { name, call } = found.groups ?? {};
    if (call === undefined) {
      if (name !== undefined) constants.set(name, own);
      continue;
    }
    const sql = name === undefined ? own : constants.get(name);
    // MikroORM and knex take a question mark for a parameter.
    if (sql === undefined || (['raw', 'addSql'].includes(call) && sql.includes('?'))) return null;
    queries.push(sql);
  }
  return queries;
}

function joined(queries: readonly string[]): string {
  const texts = queries.map((sql) => sql.replace(/^\s*\n/, '').trimEnd()).filter((sql) => sql !== '');
  return texts.map((sql) => (sql.endsWith(';') ? `${sql}\n` : `${sql}\n;\n`)).join('');
}
