import { type SqlmigError, unitStates } from '../errors.ts';
import { findSchemas } from '../history/presence.ts';
import { schemasToCompare } from '../protocol/guard.ts';
import { composeRehearsal, structureColumn } from '../protocol/message.ts';
import { unitRefusalOf } from '../protocol/refusal.ts';
import type { Unit, UnitSchema } from '../protocol/unit-context.ts';
import type { Row } from '../server/answer.ts';
import { isServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import { parseStructure, readStructure, type Structure } from '../structure/structure.ts';
import { historyError } from './history-error.ts';
import { type ForbiddenChanges, forbiddenIn, trespassError } from './scope-guard.ts';
import type { UnitPlace } from './unit-place.ts';

/**
 * Runs a suspicious file in a transaction that is rolled back, and compares other schemas before and after it. Returns
 * the error if the file changed one of them or its history, `null` if it may be applied.
 * @throws ServerError, SessionLost as `Session.run` does: the file may fail here as well.
 */
export async function probe(session: Session, unit: Unit): Promise<SqlmigError | null> {
  const { script, schema, context } = unit;
  let compared = schemasToCompare([script], unit);
  for (;;) {
    const seen = createSightings();
    const message = composeRehearsal([{ schema, scripts: [script], bootstrap: false }], context, {
      compared,
    });
    // The notices of the file are reported when it runs for good.
    try {
      await session.runFiles(message.text, seen.take, () => {});
    } catch (error) {
      const touches = isServerError(error) && unitRefusalOf(error)?.state === unitStates.historyTouched;
      if (touches) return historyError(unit, error);
      throw error;
    }
    const unknown = await unknownSchemas(session, seen, { compared, schema });
    if (unknown.length > 0) {
      compared = [...compared, ...unknown];
      continue;
    }
    const changes = await changesOutside(session, seen, { ...unit, alone: true });
    if (changes.what.length === 0) return null;
    return trespassError({ schema, context, ...changes, scripts: [script], state: 'rolled back' });
  }
}

/** What a rehearsal reports about other schemas. */
interface Sightings {
  /** Their structure before files that must not change them, and after these; other files may run in between. */
  readonly compared: readonly Structure[];
  /** Schemas with relations that may have been changed, and OIDs of relations that are gone (see `lockedElsewhere`). */
  readonly schemas: ReadonlySet<string>;
  readonly gone: ReadonlySet<string>;
  /** Takes a row of the rehearsal. */
  take(row: Row): void;
}

/** Empty sightings for one rehearsal. */
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

/** Schemas that the files may have changed although they were not compared. */
async function unknownSchemas(
  session: Session,
  { schemas, gone }: Sightings,
  { compared, schema }: { readonly compared: readonly string[]; readonly schema: UnitSchema },
): Promise<string[]> {
  // After the rollback, dropped relations exist again.
  const dropped =
    gone.size === 0
      ? []
      : await session.read(`select distinct n.nspname as schema from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.oid in (${[...gone].join(', ')}) and n.nspname !~ '^pg_'`);
  const found = new Set([...schemas, ...dropped.map((row) => String(row.schema))]);
  return [...found].filter((name) => name !== schema.schema && !compared.includes(name));
}

/**
 * The changes that the files of a rehearsal made outside their schema. If the files were `alone`, changes that are still
 * there after the rollback are left out: another session made them.
 */
export async function changesOutside(
  session: Session,
  { compared }: Sightings,
  {
    schema: { schema },
    context: { publicSchema, historyTables },
    alone,
  }: UnitPlace & { readonly alone: boolean },
): Promise<ForbiddenChanges> {
  const [first] = compared;
  if (first === undefined) return { what: [], inPublic: false };
  const objects = compared.flatMap((structure) => [...structure.values()]);
  const names = [...new Set(objects.map((object) => object.schema))];
  const guardsRows = new Set<string>();
  for (const table of historyTables) {
    const present = await findSchemas(session, names, table);
    for (const name of names)
      if (name !== schema && present.get(name)?.hasTable === true) guardsRows.add(name);
  }
  const guard = { publicSchema, guardsRows };
  const each = compared.flatMap((after, i) => {
    const before = i % 2 === 1 ? compared[i - 1] : undefined;
    return before === undefined ? [] : [forbiddenIn(before, after, guard)];
  });
  const found = {
    what: [...new Set(each.flatMap(({ what }) => what))],
    inPublic: each.some(({ inPublic }) => inPublic),
  };
  if (found.what.length === 0 || !alone) return found;
  const now = await readStructure(session, names);
  const uncounted = new Map([...now].map(([id, object]) => [id, { ...object, updated: 0, deleted: 0 }]));
  const others = new Set(forbiddenIn(first, uncounted, guard).what);
  return { ...found, what: found.what.filter((change) => !others.has(change)) };
}
