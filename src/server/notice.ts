import type { RunEvent } from '../events.ts';
import type { Scope } from '../results.ts';
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
  readonly scope: Scope;
  /** The files that it may come from. */
  readonly scripts: readonly Script[];
  /** The statement, where it is known. */
  readonly statement?: Statement;
}

/** SQLSTATE of the notice that an identifier was cut; sent when a text is parsed, before any of it runs. */
export const identifierCut = '42622';

// The server has a state for what is there already, and none (00000) for what is not there; RAISE NOTICE has that as
// well. So it counts who sent it.
const saysSkipped: ReadonlySet<string> = new Set(['42P06', '42P07', '42701', '42710', identifierCut]);
const sendForCode: ReadonlySet<string> = new Set([
  'exec_stmt_raise',
  'PLy_output',
  'do_util_elog',
  'pltcl_elog',
  'plv8_Elog',
]);

/**
 * The event for a message of the server; `source` is `null` where statements of sqlmig's own ran. Important are warnings,
 * and what the server itself notices of a file: that something was skipped, cut, or dropped along.
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

/** The file where there is only one, and its line where the statement is certain. */
function placeOf({ where }: ServerNotice, { scripts, statement }: NoticeSource) {
  const [script] = scripts;
  if (script === undefined || scripts.length > 1) return {};
  const { file, text } = script.migration;
  const at = statement ?? onlyOne(script, where);
  if (at === undefined) return { file };
  const inBlock = at.kind === 'DoStmt' ? indexInBlock(text, at, where) : null;
  return { file, line: locate(file, text, inBlock ?? at.start).line };
}

/** The only statement of a script, or its only DO block where the server names one. */
function onlyOne({ statements }: Script, where = ''): Statement | undefined {
  const named = /inline_code_block/.test(where)
    ? statements.filter(({ kind }) => kind === 'DoStmt')
    : statements;
  return named.length === 1 ? named[0] : undefined;
}
