import type { SqlmigError } from '../errors.ts';
import { findSchemas } from '../history/presence.ts';
import { guardedSchemas } from '../protocol/guard.ts';
import { composeRehearsal, structureColumn } from '../protocol/message.ts';
import type { UnitContext, UnitSchema } from '../protocol/unit-context.ts';
import type { Row, Session } from '../server/session.ts';
import type { Script } from '../sql/migration.ts';
import { parseStructure, readStructure, type Structure } from '../structure/structure.ts';
import { trespassError, trespassesIn } from './scope-guard.ts';

/**
 * Runs a suspicious file in a transaction that is rolled back, and compares what other schemas held before and after it.
 * Gives the error where it changed one of them, `null` where it did not and may be applied.
 * @throws ServerError, SessionLost as `Session.run` does: the file may fail here as well.
 */
export async function probe(
  session: Session,
  script: Script,
  schema: UnitSchema,
  context: UnitContext,
): Promise<SqlmigError | null> {
  let compared = schemasToCompare([script], schema, context);
  for (;;) {
    const seen = createSightings();
    const message = composeRehearsal([{ schema, scripts: [script], bootstrap: false }], context, {
      compared,
    });
    // What the server says of the file is heard when it runs for real.
    await session.run(message.text, seen.take, () => {});
    const unknown = await unknownSchemas(session, seen, compared, schema);
    if (unknown.length > 0) {
      compared = [...compared, ...unknown];
      continue;
    }
    const { what, inPublic } = await judge(session, seen, schema, context);
    if (what.length === 0) return null;
    const trespass = {
      scripts: [script],
      what,
      inPublic,
      schema,
      publicSchema: context.publicSchema,
    };
    return trespassError({ ...trespass, state: 'rolled back' });
  }
}

/** The schemas that files may have changed: public, and each that their text mentions. */
export function schemasToCompare(
  scripts: readonly Script[],
  schema: UnitSchema,
  { publicSchema }: UnitContext,
): string[] {
  const mentioned =
    schema.guarded === null
      ? scripts.flatMap(({ statements }) => statements.flatMap(({ reach }) => [...reach.words]))
      : [...guardedSchemas(schema).keys()];
  return [...new Set([publicSchema, ...mentioned])].filter((name) => name !== schema.schema);
}

/** What a rehearsal tells of other schemas. */
export interface Sightings {
  /** Their structure before the files and after them. */
  readonly compared: readonly Structure[];
  /** Schemas with relations that may have been changed, and OIDs of relations that are gone (see `lockedElsewhere`). */
  readonly schemas: ReadonlySet<string>;
  readonly gone: ReadonlySet<string>;
  /** Takes a row of the rehearsal. */
  take(row: Row): void;
}

/** Sightings of one rehearsal, empty. */
export function createSightings(): Sightings {
  const compared: Structure[] = [];
  const schemas = new Set<string>();
  const gone = new Set<string>();
  return {
    compared,
    schemas,
    gone,
    take(row) {
      if (structureColumn in row) compared.push(parseStructure(String(row[structureColumn])));
      if (!('gone' in row)) return;
      if (typeof row.schema === 'string') schemas.add(row.schema);
      if (typeof row.gone === 'string') gone.add(row.gone);
    },
  };
}

/** Schemas that the files may have changed although nobody looked at them. */
async function unknownSchemas(
  session: Session,
  { schemas, gone }: Sightings,
  compared: readonly string[],
  { schema }: UnitSchema,
): Promise<string[]> {
  // Now that all is rolled back, what was dropped is there again.
  const dropped =
    gone.size === 0
      ? []
      : await session.read(`select distinct n.nspname as schema from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.oid in (${[...gone].join(', ')}) and n.nspname !~ '^pg_'`);
  const found = new Set([...schemas, ...dropped.map((row) => String(row.schema))]);
  return [...found].filter((name) => name !== schema && !compared.includes(name));
}

/**
 * What the files of a rehearsal changed outside of their schema, in words. What others changed meanwhile stays out, where
 * the files were `alone`: else what is there after the rollback says nothing.
 */
export async function judge(
  session: Session,
  { compared: [before, after] }: Sightings,
  { schema }: UnitSchema,
  { publicSchema, table }: UnitContext,
  alone = true,
): Promise<{ readonly what: readonly string[]; readonly inPublic: boolean }> {
  if (before === undefined || after === undefined) return { what: [], inPublic: false };
  const names = [...new Set([...before.values(), ...after.values()].map((object) => object.schema))];
  const present = await findSchemas(session, names, table);
  const guardsRows = new Set(names.filter((name) => name !== schema && present.get(name)?.hasTable === true));
  const found = trespassesIn(before, after, publicSchema, guardsRows);
  if (found.what.length === 0 || !alone) return found;
  // What is still so after the rollback was somebody else's doing.
  const now = await readStructure(session, names);
  const uncounted = new Map([...now].map(([id, object]) => [id, { ...object, updated: 0, deleted: 0 }]));
  const others = new Set(trespassesIn(before, uncounted, publicSchema, guardsRows).what);
  return { ...found, what: found.what.filter((change) => !others.has(change)) };
}
