import { quoteLiteral } from '../sql/quote.ts';
import { type CreatedRow, insertCreatedRows } from './created-rows.ts';
import type { Unit } from './unit-context.ts';
import { begunAt } from './unit-row.ts';
import { setFilePath, setOwnPath } from './unit-settings.ts';

/** A snapshot for one tenant, ready to be sent. */
export interface LoadedSnapshot {
  readonly sql: string;
  /** The settings of the session that wrote it. This session must have the same. */
  readonly session: Readonly<Record<string, string>>;
  /** The migrations that it replaces. */
  readonly covered: readonly CreatedRow[];
  /** The schema exists and must be as CREATE SCHEMA leaves it, apart from the history. */
  readonly fillsEmpty: boolean;
}

/** The column in which a creation reports that the SQL of the snapshot begins (`true`) and is done (`false`). */
export const loadingColumn = 'sqlmig_loading';

/**
 * Builds a schema from a snapshot, and records the migrations that it replaces unless `rowsFollow`. Names of other schemas
 * are qualified, so the `search_path` is only the tenant's schema. Function bodies may name objects that are created later.
 */
export function loadSteps(
  { sql, covered, session }: LoadedSnapshot,
  { schema, context }: Omit<Unit, 'script'>,
  rowsFollow: boolean,
): string {
  const rows = rowsFollow ? '' : insertCreatedRows(covered, { schema, context });
  return `select true as ${loadingColumn};
${Object.entries(session).map(requireSetting).join('')}${setFilePath(schema, { ...context, searchPath: ['tenant'] })}SET LOCAL check_function_bodies = off;
${sql}
;
SET LOCAL check_function_bodies = DEFAULT;
${setOwnPath}${rows}select false as ${loadingColumn}, ${begunAt('clock_timestamp()')};
`;
}

/** Refuses the snapshot where values and definitions would get another meaning. */
function requireSetting([name, value]: readonly [string, string]): string {
  const now = `current_setting(${quoteLiteral(name)})`;
  const message = `${quoteLiteral(`it was written with ${name} = ${value}, and here it is `)} || ${now}`;
  const body = `begin if ${now} <> ${quoteLiteral(value)} then raise exception using message = ${message}; end if; end`;
  return `do ${quoteLiteral(body)};\n`;
}
