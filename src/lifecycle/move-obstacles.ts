import { SqlmigError, withHint } from '../errors.ts';
import type { Session } from '../server/session.ts';
import { tableName } from '../split/owner.ts';
import type { TableShape } from '../split/tables.ts';
import { quoteIdentifier } from '../sql/quote.ts';

/** @throws SqlmigError `not-reproducible` if rows of these tables cannot be moved: large objects, or rows out of reach. */
export async function requireMovable(session: Session, tables: readonly TableShape[]): Promise<void> {
  for (const table of tables) {
    if (table.hidesRows) throw unmovable(table, 'row security hides rows of it', 'use a role with BYPASSRLS');
    if (!table.isOwner || !table.mayRead)
      throw unmovable(table, 'the role does not own it', 'use the owner of the tables');
    if (await refersToLargeObjects(session, table))
      throw unmovable(
        table,
        'it refers to large objects, which are not copied with rows',
        'move their contents to a bytea column first',
      );
  }
}

/** The error for a structure that differs, with the versions of the servers (such as 160004) if they may be the cause. */
export function printedDifferently(error: unknown, from: number, to: number): unknown {
  const [old, other] = [from, to].map((version) => Math.floor(version / 10_000));
  if (!(error instanceof SqlmigError) || old === other) return error;
  return withHint(
    error,
    `PostgreSQL ${old} and ${other} may print the same object differently: upgrade the older server first, if sqlmig verify --structure finds no difference`,
  );
}

async function refersToLargeObjects(session: Session, table: TableShape): Promise<boolean> {
  // A domain over it, as in the extension lo, counts as well.
  const columns = table.columns.filter(
    ({ unlimitedType, isGenerated }) => unlimitedType === 'oid' && !isGenerated,
  );
  if (columns.length === 0) return false;
  const matches = columns.map(({ name }) => `l.oid = t.${quoteIdentifier(name)}`).join(' or ');
  const [row] = await session.read(
    `select exists (select from ${tableName(table)} t join pg_largeobject_metadata l on ${matches}) as refers`,
  );
  return row?.refers === true;
}

function unmovable({ schema, name }: TableShape, why: string, hint: string): SqlmigError {
  return new SqlmigError('not-reproducible', `table ${name} of "${schema}" cannot be moved: ${why}`, {
    schema,
    state: 'nothing was moved',
    hint,
  });
}
