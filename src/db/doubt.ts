import type { ParsedStatement } from '../core/parse.ts';
import { quoteIdentifier, quoteLiteral } from '../core/quote.ts';
import { droppedNames } from '../core/reach.ts';
import type { Session } from './session.ts';

/** What became of a statement that was interrupted: it took effect, it may run again, or nobody can tell. */
export type Doubt = 'done' | 'redo' | 'unknown';

/** True where `resolveDoubt` can tell; what another statement did only a person can know. */
export function resumes({ kind, fields }: ParsedStatement): boolean {
  if (kind === 'IndexStmt') return fields.concurrent === true && typeof fields.idxname === 'string';
  if (kind === 'DropStmt') return fields.concurrent === true;
  return repeats({ kind, fields });
}

/** What these did before they were interrupted is done once more. */
function repeats({ kind, fields }: Pick<ParsedStatement, 'kind' | 'fields'>): boolean {
  const concurrently = JSON.stringify(fields.params ?? []).includes('"concurrently"');
  return kind === 'VacuumStmt' || kind === 'ClusterStmt' || (kind === 'ReindexStmt' && !concurrently);
}

/**
 * Finds out what became of an interrupted statement (lock-protocol 3.3). The invalid index of a broken CREATE INDEX
 * CONCURRENTLY is dropped, so that it may run again.
 */
export async function resolveDoubt(
  session: Session,
  schema: string,
  statement: ParsedStatement,
): Promise<Doubt> {
  const { kind, fields } = statement;
  if (kind === 'IndexStmt' && fields.concurrent === true && typeof fields.idxname === 'string') {
    const state = await indexState(session, schema, fields.idxname);
    if (state === 'valid') return 'done';
    if (state === 'invalid') {
      await session.run(
        `drop index concurrently ${quoteIdentifier(schema)}.${quoteIdentifier(fields.idxname)}`,
      );
    }
    return 'redo';
  }
  if (kind === 'DropStmt' && fields.concurrent === true) {
    const [dropped] = droppedNames(fields.objects);
    if (dropped !== undefined)
      return (await indexState(session, schema, dropped.name)) === 'absent' ? 'done' : 'redo';
  }
  return repeats(statement) ? 'redo' : 'unknown';
}

async function indexState(
  session: Session,
  schema: string,
  name: string,
): Promise<'valid' | 'invalid' | 'absent'> {
  const [row] = await session.read(`select i.indisvalid as valid from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = ${quoteLiteral(schema)} and c.relname = ${quoteLiteral(name)}`);
  if (row === undefined) return 'absent';
  return row.valid === true ? 'valid' : 'invalid';
}
