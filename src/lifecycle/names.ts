import { findMentions, type Mentions } from '../move/mentions.ts';
import { readFunctionTexts, readPrintedTexts } from '../move/texts.ts';
import type { Session } from '../server/session.ts';
import { schemaOid } from '../sql/catalog-sql.ts';

/**
 * Finds texts that name a schema and would not follow a rename: function bodies, the search_path of functions, and
 * strings in definitions.
 */
export async function readNamesOf(session: Session, schema: string, as: string): Promise<Mentions> {
  const rows =
    await session.read(`select relname as name from pg_class where relnamespace = ${schemaOid(schema)}
union select proname from pg_proc where pronamespace = ${schemaOid(schema)} union select typname from pg_type where typnamespace = ${schemaOid(schema)}`);
  const functions = await readFunctionTexts(session, schema);
  const printed = await readPrintedTexts(session, schema);
  return findMentions(functions, printed, {
    schema,
    as,
    moved: new Set(rows.map(({ name }) => String(name))),
    kept: new Set(),
    keptIds: new Set(),
    rewriteFunctions: true,
  });
}
