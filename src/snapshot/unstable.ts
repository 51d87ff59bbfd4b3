import { locate } from '../sql/position.ts';
import type { RangeVar } from '../sql/reach.ts';
import { lastName } from '../sql/uses.ts';
import { type RowStatement, wordsOf, writing } from './row-statements.ts';

/** The relations that the files of a project have built, by scope. */
export interface BuiltRelations {
  readonly publicSchema: string;
  readonly public: ReadonlySet<string>;
  readonly tenant: ReadonlySet<string>;
}

/** A statement whose rows depend on something else than the files. */
export interface UnstableRows {
  readonly file: string;
  readonly line: number;
  /** In words. */
  readonly why: string;
}

/**
 * Finds the first statement of tenant files that writes rows which can be others in the next tenant, although two tenants
 * that are built at the same time have the same: it reads public, or the date, or who runs it. The statements of files that
 * are not `judged`, such as public ones, are needed for their functions.
 */
export function unstableRowsOf(
  parsed: readonly RowStatement[],
  built: BuiltRelations,
  judged: ReadonlySet<string>,
): UnstableRows | null {
  const functions = new Map<string, string>();
  const triggers = new Map<string, string[]>();
  for (const { fields, kind, text } of parsed) {
    const why = kind === 'CreateFunctionStmt' ? reasonInCode(text, built, codeMayUse) : null;
    if (why !== null) functions.set(lastName(fields.funcname), why);
    if (kind !== 'CreateTrigStmt') continue;
    const table = (fields.relation as RangeVar | undefined)?.relname ?? '';
    triggers.set(table, [...(triggers.get(table) ?? []), lastName(fields.funcname)]);
  }
  const views = new Map<string, string>();
  const readsView = (relations: readonly RangeVar[]) => {
    const name = relations.map(({ relname = '' }) => relname).find((relname) => views.has(relname));
    return name === undefined ? null : `reads ${name}, which ${views.get(name)}`;
  };
  for (const { kind, fields } of parsed) {
    const { relations } = namesIn(fields.query);
    const why = kind === 'ViewStmt' ? (readsPublic(relations, built) ?? readsView(relations)) : null;
    if (why !== null) views.set((fields.view as RangeVar).relname ?? '', why);
  }
  addCallers(parsed, functions, views);
  const calls = (name: string) => {
    const why = functions.get(name);
    return why === undefined ? null : `calls ${name}, which ${why}`;
  };
  for (const statement of parsed) {
    const { script, start, kind, fields, text } = statement;
    if (!judged.has(script.migration.file) || !writing.has(kind)) continue;
    const { relations, called } = namesIn(fields);
    const fired = relations.flatMap(({ relname = '' }) => triggers.get(relname) ?? []);
    const why =
      (code.has(kind) ? reasonInCode(text, built, clock) : null) ??
      readsPublic(relations, built) ??
      readsView(relations) ??
      usesClock(text) ??
      [...called, ...fired].map(calls).find((reason) => reason !== null) ??
      null;
    if (why === null) continue;
    const { file, line } = locate(script.migration.file, script.migration.text, start);
    return { file, line, why };
  }
  return null;
}

/** Adds the functions whose code has the name of an unstable function or view, until there are no more. */
function addCallers(
  parsed: readonly RowStatement[],
  functions: Map<string, string>,
  views: ReadonlyMap<string, string>,
): void {
  const open = parsed
    .filter(({ kind }) => kind === 'CreateFunctionStmt')
    .map(({ fields, text }) => ({ name: lastName(fields.funcname), words: wordsOf(text) }));
  for (let known = -1; known !== functions.size; ) {
    known = functions.size;
    for (const { name, words } of open) {
      if (functions.has(name)) continue;
      const [used] = [...functions, ...views].filter(([other]) => words.has(other.toLowerCase()));
      if (used !== undefined) functions.set(name, `uses ${used[0]}, which ${used[1]}`);
    }
  }
}

const code: ReadonlySet<string> = new Set(['DoStmt', 'CallStmt']);

const environment =
  /\b(?:current_user|session_user|current_role|current_catalog|current_database|current_date|pg_backend_pid|txid_current|pg_current_xact_id|inet_server_addr)\b|\bversion\s*\(|'\s*(?:now|today|tomorrow|yesterday)\s*'/i;
const clockWord =
  '(?:now|clock_timestamp|statement_timestamp|transaction_timestamp|current_timestamp|current_time|localtimestamp|localtime|timeofday)';
const clock = new RegExp(String.raw`\b${clockWord}\b`, 'i');
const coarse = new RegExp(
  String.raw`\b${clockWord}\b[\s()]*(?:::|[-+]|\bat\s+time\b)|[-+][\s(]*(?:pg_catalog\s*\.\s*)?${clockWord}\b|\b(?:cast|date_trunc|extract|date_part|to_char|age|date)\s*\([^;)]*\b${clockWord}\b`,
  'i',
);
// The time itself differs between two tenants, which shows.
const codeMayUse = /(?!)/;

function reasonInCode(text: string, { public: shared, tenant, publicSchema }: BuiltRelations, more: RegExp) {
  const words = wordsOf(text);
  const named = [...shared].find((name) => words.has(name) && (!tenant.has(name) || words.has(publicSchema)));
  if (named !== undefined) return `reads ${publicSchema}.${named}, whose rows can change`;
  const found = more.exec(text);
  return found === null ? usesClock(text) : `uses ${found[0]}`;
}

function readsPublic(
  relations: readonly RangeVar[],
  { public: shared, tenant, publicSchema }: BuiltRelations,
): string | null {
  const found = relations.find(
    ({ schemaname, relname = '' }) =>
      shared.has(relname) &&
      (schemaname === publicSchema || (schemaname === undefined && !tenant.has(relname))),
  );
  return found === undefined ? null : `reads ${publicSchema}.${found.relname}, whose rows can change`;
}

function usesClock(text: string): string | null {
  const found = environment.exec(text) ?? coarse.exec(text);
  return found === null ? null : `uses ${found[0]}`;
}

/** The relations and the called functions anywhere in a statement. */
function namesIn(
  node: unknown,
  found: { relations: RangeVar[]; called: string[] } = { relations: [], called: [] },
) {
  if (Array.isArray(node)) for (const item of node) namesIn(item, found);
  else if (typeof node === 'object' && node !== null) {
    if ('relname' in node) found.relations.push(node as RangeVar);
    if ('funcname' in node) found.called.push(lastName(node.funcname));
    for (const value of Object.values(node)) namesIn(value, found);
  }
  return found;
}

/** An expression gives another value at another time, or to another role. */
export function isChanging(expression: string): boolean {
  return environment.test(expression) || clock.test(expression);
}
