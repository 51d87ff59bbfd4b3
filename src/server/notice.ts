import type { RunEvent } from '../events.ts';
import type { ScopeName } from '../results.ts';
import { indexInBlock } from '../sql/inline-block.ts';
import type { Script, Statement } from '../sql/migration.ts';
import { locate } from '../sql/position.ts';

/** A message of the server that is no error. */
export interface ServerNotice {
  /** WARNING, NOTICE, INFO, LOG or DEBUG, whatever language the server speaks. */
  readonly severity: string;
  /** SQLSTATE. */
  readonly code: string;
  readonly message: string;
  /** The stack of functions and blocks that ran. */
  readonly where?: string;
  /** The function in the server's own source that sent it. */
  readonly routine?: string;
}

/** Whose files ran when the server sent something. */
export interface NoticeSource {
  readonly schema: string;
  readonly scope: ScopeName;
  /** The files that it may come from. */
  readonly scripts: readonly Script[];
  /** The statement, if known. */
  readonly statement?: Statement;
}

/** SQLSTATE of the notice that an identifier was cut; sent when a text is parsed, before any of it runs. */
export const identifierCut = '42622';

// Objects that already exist have SQLSTATEs of their own, but a missing object has 00000, and so has RAISE NOTICE: the
// function that sent the notice distinguishes them.
const saysSkipped: ReadonlySet<string> = new Set(['42P06', '42P07', '42701', '42710', identifierCut]);
const sendForCode: ReadonlySet<string> = new Set([
  'exec_stmt_raise',
  'PLy_output',
  'do_util_elog',
  'pltcl_elog',
  'plv8_Elog',
]);

/**
 * The event for a server message; `source` is `null` for sqlmig's own statements. Warnings are important, and so are the
 * server's own notices about a file: that something was skipped, truncated or dropped by CASCADE.
 */
export function noticeEvent(
  notice: ServerNotice,
  source: NoticeSource | null,
): RunEvent & { readonly type: 'server-notice' } {
  const { severity, code, message } = notice;
  const event = { type: 'server-notice', severity, sqlstate: code, message } as const;
  const important = isWarning(notice);
  if (source === null) return { ...event, important };
  const { schema, scope } = source;
  return { ...event, important: important || isTelling(notice), schema, scope, ...placeOf(notice, source) };
}

function isWarning({ severity, code }: ServerNotice): boolean {
  return severity === 'WARNING' || code.startsWith('01');
}

function isTelling({ severity, code, routine }: ServerNotice): boolean {
  return severity === 'NOTICE' && (saysSkipped.has(code) || !sendForCode.has(routine ?? ''));
}

/** The file if there is only one, and the line if the statement is known for certain. */
function placeOf({ where }: ServerNotice, { scripts, statement }: NoticeSource) {
  const [script] = scripts;
  if (script === undefined || scripts.length > 1) return {};
  const { file, text } = script.migration;
  const at = statement ?? onlyOne(script, where);
  if (at === undefined) return { file };
  const inBlock = at.kind === 'DoStmt' ? indexInBlock(text, at, where) : null;
  return { file, line: locate(file, text, inBlock ?? at.start).line };
}

/** The only statement of a script, or its only DO block if the server's context is one. */
function onlyOne({ statements }: Script, where = ''): Statement | undefined {
  const named = /inline_code_block/.test(where)
    ? statements.filter(({ kind }) => kind === 'DoStmt')
    : statements;
  return named.length === 1 ? named[0] : undefined;
}
