import { spansOf } from '../sql/comments.ts';
import { type CodeFunction, functionNamed } from './code-functions.ts';
import { type CodeToken, codeTokens } from './code-tokens.ts';

/** The SQL that a migration in JavaScript or TypeScript runs. */
export interface SqlInCode {
  readonly up: string;
  /** Empty if it undoes nothing; `null` if it does so with other code. */
  readonly down: string | null;
  /** Whether the tool runs each outside a transaction. */
  readonly isOutside: Readonly<Record<'up' | 'down', boolean>>;
}

/** True for a file in a language that `sqlInCode` reads. */
export function mayHoldSql(path: string): boolean {
  return /\.[cm]?[jt]s$/.test(path);
}

/**
 * Reads a migration whose function `up` only passes constant strings to the query function that TypeORM, MikroORM,
 * knex, Sequelize, db-migrate or node-pg-migrate gives it. Returns `null` for any other code.
 */
export function sqlInCode(path: string, text: string): SqlInCode | null {
  if (!mayHoldSql(path)) return null;
  const tokens = codeTokens(text);
  if (tokens === null) return null;
  const [up, down] = [functionNamed('up', tokens), functionNamed('down', tokens)];
  const forward = typeof up === 'string' ? null : queriesIn(up);
  if (forward === null) return null;
  const back = down === 'none' ? [] : down === 'unknown' ? null : queriesIn(down);
  const isAllOutside = outside.test(spaced(tokens));
  const isOutside = (found: typeof up) =>
    isAllOutside || (typeof found !== 'string' && noTransaction.test(spaced(found.body)));
  return {
    up: joined(forward),
    down: back && joined(back),
    isOutside: { up: isOutside(up), down: isOutside(down) },
  };
}

// TypeORM and knex; MikroORM.
const outside =
  / transaction (?:\? )?(?:: boolean )?[:=] false\b| isTransactional \( \) (?:: boolean )?\{ return false\b/;
// node-pg-migrate, for each direction.
const noTransaction = / \w+ \. noTransaction \( \)/;

/** The tokens, with a blank before each. */
function spaced(tokens: readonly CodeToken[]): string {
  return tokens.map((token) => ` ${token.kind === 'string' ? someString : token.text}`).join('');
}

// No other token has this text.
const someString = "''";

// What a body may have, with a blank before each token: nothing of note, a constant, or a query.
const plain =
  / ;| return(?: null| undefined)?(?= [;}])| (?:cb|callback|done|next) \( \)| \w+ \. noTransaction \( \)| (?:console|log|logger) \. \w+ \( '' \)/y;
const strings = String.raw`''(?: \+ '')*`;
const constant = new RegExp(String.raw` const (?<name>\w+)(?: : string)? = ${strings}`, 'y');
const query = new RegExp(
  String.raw`(?: return)?(?: await)? (?<root>\w+)(?: \. \w+)* \. (?<call>query|addSql|runSql|raw|sql) \( (?:${strings}|(?<name>\w+))(?: , (?:cb|callback|done|next))?(?: ,)? \)`,
  'y',
);

/** The strings that the statements of a body pass to queries; `null` if it does anything else. */
function queriesIn({ parameters, body }: CodeFunction): readonly string[] | null {
  const values = body.flatMap((token) => (token.kind === 'string' ? [token.value] : []));
  const code = `${spaced(body)} }`;
  const constants = new Map<string, string>();
  const queries: { readonly call: string; readonly sql: string }[] = [];
  for (let at = 0; code.slice(at) !== ' }'; ) {
    for (const pattern of [plain, constant, query]) pattern.lastIndex = at;
    const found = query.exec(code) ?? constant.exec(code) ?? plain.exec(code);
    if (found === null) return null;
    at += found[0].length;
    // What follows never runs.
    if (found[0].startsWith(' return') && !/^(?: ;)* \}$/.test(code.slice(at))) return null;
    const own = values.splice(0, found[0].split(someString).length - 1).join('');
    const { name, call, root = '' } = found.groups ?? {};
    if (call === undefined) {
      if (name !== undefined) constants.set(name, own);
      continue;
    }
    const sql = name === undefined ? own : constants.get(name);
    const isOfTool = parameters.has(root) || / this \. addSql /.test(found[0]);
    // node-pg-migrate runs what is passed to sql only after up, but what is passed to db.query at once.
    const isInOrder = (queries[0]?.call ?? call) === call;
    // knex runs a query only when it is awaited.
    const isRun = call !== 'raw' || /^ (?:return|await) /.test(found[0]);
    // MikroORM and knex take a question mark for a parameter.
    const hasParameter = ['raw', 'addSql'].includes(call) && sql?.includes('?');
    if (sql === undefined || !isOfTool || !isInOrder || !isRun || hasParameter) return null;
    queries.push({ call, sql });
  }
  return queries.map(({ sql }) => sql);
}

function joined(queries: readonly string[]): string {
  const texts = queries.map((sql) => sql.replace(/^\s*\n/, '').trimEnd()).filter((sql) => sql !== '');
  return texts.map((sql) => (isEnded(sql) ? `${sql}\n` : `${sql}\n;\n`)).join('');
}

function isEnded(sql: string): boolean {
  return sql.endsWith(';') && [...spansOf(sql)].at(-1)?.kind === 'code';
}
