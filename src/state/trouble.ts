import { SqlmigError } from '../errors.ts';
import { historyTable } from '../history/history.ts';
import { shapeOf } from '../history/history-shape.ts';
import type { MoveMark } from '../history/move-mark.ts';
import { findLookAlikes, lookUpTables } from '../history/presence.ts';
import { canonicalVersion } from '../project/version.ts';
import type { ServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { commandLine } from '../text/command-line.ts';
import type { TargetRequest } from './plan-source.ts';

/**
 * Why the histories of some schemas could not be read: `foreign-history`, `history-damaged` or `history-unreadable`.
 * Omits schemas whose table no longer exists. `refused` has the server's error for each schema.
 */
export async function findTroubles(
  session: Session,
  refused: ReadonlyMap<string, ServerError>,
  table: string,
): Promise<Map<string, SqlmigError>> {
  const tables = await lookUpTables(session, [...refused.keys()], table);
  const troubles = new Map<string, SqlmigError>();
  for (const [schema, { columns, readable }] of tables) {
    const error = refused.get(schema);
    const name = `"${schema}"."${table}"`;
    const extra = { schema, state: 'not touched', sqlstate: error?.code, cause: error };
    const shape = shapeOf(columns);
    if (shape.kind === 'foreign') {
      const message = `${name} is the history of ${shape.tool} (${columns.join(', ')})`;
      const hint =
        'import it with sqlmig adopt --history, or set historyTable to a name that no other tool uses';
      troubles.set(schema, new SqlmigError('foreign-history', message, { schema, state: extra.state, hint }));
    } else if (shape.missing.length > 0) {
      const lacks = `${shape.missing.length === 1 ? 'the column' : 'the columns'} ${shape.missing.join(', ')}`;
      troubles.set(
        schema,
        new SqlmigError('history-damaged', `${name} is a sqlmig history that lacks ${lacks}`, {
          ...extra,
          hint: 'add the missing columns as in the history of another schema, or restore the table from a backup',
        }),
      );
    } else if (error !== undefined) {
      const hint = readable
        ? `if row security is on, use the owner of ${name} or a role with BYPASSRLS, or disable it there`
        : `grant sqlmig's role USAGE on the schema and SELECT, INSERT, UPDATE and DELETE on ${name}`;
      const message = `${name} cannot be read: ${error.message}`;
      troubles.set(schema, new SqlmigError('history-unreadable', message, { ...extra, hint }));
    }
  }
  return troubles;
}

/** The error for a schema whose `tenant drop` was interrupted. */
export function halfDropped(schema: string): SqlmigError {
  return new SqlmigError(
    'half-dropped',
    `a drop of "${schema}" was interrupted, and some of its objects are gone`,
    {
      schema,
      state: 'not touched',
      hint: `finish the drop: ${commandLine('tenant', 'drop', schema)}`,
    },
  );
}

/** The error for a schema that `tenant move` has copied to another database. */
export function tenantMoved(schema: string, { to }: MoveMark): SqlmigError {
  return new SqlmigError('tenant-moved', `"${schema}" was moved to ${to}, and is read-only here`, {
    schema,
    state: 'not touched',
    hint: `drop it here with: ${commandLine('tenant', 'move', schema)} --to … --finish; or go back with --undo`,
  });
}

/**
 * Finds schemas without a history whose history has been renamed: another table there records only files of this project
 * as applied, and they would run again. Returns one error per schema.
 */
export async function findMovedHistories(
  session: Session,
  empty: readonly Pick<TargetRequest, 'schema' | 'basis'>[],
  table: string,
): Promise<Map<string, SqlmigError>> {
  const planned = empty.filter(({ basis }) => basis.files.length > 0);
  const lookAlikes = await findLookAlikes(
    session,
    planned.map(({ schema }) => schema),
    table,
  );
  const troubles = new Map<string, SqlmigError>();
  for (const { schema, relation } of lookAlikes) {
    const { files = [], histories = [] } = planned.find((request) => request.schema === schema)?.basis ?? {};
    // Scopes may have equal files.
    if (histories.includes(relation)) continue;
    const ours = files.flatMap(({ version, checksum }) =>
      version === null ? [] : [`(${canonicalVersion(version)}, ${quoteLiteral(checksum)})`],
    );
    if (ours.length === 0) continue;
    // Another project in the same schema may share a few files with this one.
    const [row] =
      await session.read(`select count(*) > 0 and bool_and((version, checksum) in (${ours.join(', ')})) as ours
from ${historyTable(schema, relation)} where version is not null`);
    if (row?.ours !== true) continue;
    const message = `"${schema}" has no table "${table}", but "${relation}" records files of this project as applied`;
    troubles.set(
      schema,
      new SqlmigError('history-missing', message, {
        schema,
        state: 'not touched',
        hint: `rename it to "${table}", or correct historyTable or the name of the scope in the config`,
      }),
    );
  }
  return troubles;
}
