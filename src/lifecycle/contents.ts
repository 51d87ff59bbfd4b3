import type { Session } from '../server/session.ts';
import { isExtensionMember, schemaOid } from '../sql/catalog-sql.ts';

/** An object that can be dropped by itself. */
export interface DropItem {
  /** The word after DROP, such as `TABLE`. */
  readonly kind: 'TABLE' | 'VIEW' | 'MATERIALIZED VIEW' | 'FOREIGN TABLE' | 'SEQUENCE' | 'ROUTINE';
  /** Its full name as SQL. */
  readonly name: string;
  /** About how many locks dropping it takes. */
  readonly locks: number;
}

/** The contents of a schema. */
export interface SchemaContents {
  /** Objects come before those that they depend on, as far as possible. */
  readonly items: readonly DropItem[];
  /** The numbers that the plan shows. */
  readonly tables: number;
  readonly others: number;
  /** The number of locks that one transaction may take. */
  readonly mostLocks: number;
}

const kinds: Readonly<Record<string, DropItem['kind']>> = {
  r: 'TABLE',
  p: 'TABLE',
  v: 'VIEW',
  m: 'MATERIALIZED VIEW',
  f: 'FOREIGN TABLE',
  S: 'SEQUENCE',
};

const ofTable = (catalog: string, column: string) =>
  `(select count(*) from ${catalog} x where x.${column} = c.oid)`;

// A table has two types; its TOAST table and the index of that table are locked as well.
const locks = `4 + ${ofTable('pg_index', 'indrelid')} * 2 + ${ofTable('pg_constraint', 'conrelid')}
  + ${ofTable('pg_attrdef', 'adrelid')} + ${ofTable('pg_trigger', 'tgrelid')} + ${ofTable('pg_policy', 'polrelid')}`;

/** Reads what a schema contains. Histories, which have these names, are not among the items. */
export async function readContents(
  session: Session,
  schema: string,
  histories: readonly string[],
): Promise<SchemaContents> {
  const here = schemaOid(schema);
  const rows =
    await session.read(`select c.oid::text as oid, c.relkind::text as kind, c.relname as relation, c.oid::regclass::text as name, (${locks})::int as locks
from pg_class c where c.relnamespace = ${here} and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and not ${isExtensionMember('pg_class', 'c.oid')}
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and c.relkind = 'S' and d.deptype in ('a', 'i') and d.refclassid = 'pg_class'::regclass)
order by c.relname collate "C"`);
  const needs =
    await session.read(`select k.conrelid::text as of, k.confrelid::text as needs from pg_constraint k join pg_class c on c.oid = k.conrelid
  where c.relnamespace = ${here} and k.contype = 'f' and k.conrelid <> k.confrelid
union select h.inhrelid::text, h.inhparent::text from pg_inherits h join pg_class c on c.oid = h.inhrelid where c.relnamespace = ${here}
union select w.ev_class::text, d.refobjid::text from pg_rewrite w join pg_class c on c.oid = w.ev_class
  join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass and d.refobjid <> w.ev_class where c.relnamespace = ${here}
union select a.adrelid::text, d.refobjid::text from pg_attrdef a join pg_class c on c.oid = a.adrelid
  join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = a.oid and d.refclassid = 'pg_class'::regclass and d.refobjid <> a.adrelid where c.relnamespace = ${here}`);
  const routines = await session.read(`select p.oid::regprocedure::text as name from pg_proc p
where p.pronamespace = ${here} and not ${isExtensionMember('pg_proc', 'p.oid')} order by 1`);
  const [room] =
    await session.read(`select current_setting('max_locks_per_transaction')::int8 * (current_setting('max_connections')::int8 + current_setting('max_prepared_transactions')::int8) as room,
  (select count(*) from pg_type t where t.typnamespace = ${here} and t.typrelid = 0 and t.typelem = 0)::int as types`);
  const relations = rows.map((row) => ({
    oid: String(row.oid),
    item: { kind: kinds[String(row.kind)] ?? 'TABLE', name: String(row.name), locks: Number(row.locks) },
    isHistory: histories.includes(String(row.relation)),
  }));
  const ordered = dependentsFirst(
    relations.map(({ oid }) => oid),
    needs.map((edge) => [String(edge.of), String(edge.needs)]),
  );
  const byOid = new Map(relations.map((relation) => [relation.oid, relation]));
  const items = ordered.flatMap((oid) => byOid.get(oid) ?? []).filter(({ isHistory }) => !isHistory);
  return {
    items: [
      ...items.map(({ item }) => item),
      ...routines.map(({ name }) => ({ kind: 'ROUTINE' as const, name: String(name), locks: 4 })),
    ],
    tables: items.filter(({ item: { kind } }) => kind === 'TABLE' || kind === 'FOREIGN TABLE').length,
    others:
      items.filter(({ item: { kind } }) => kind !== 'TABLE' && kind !== 'FOREIGN TABLE').length +
      routines.length +
      Number(room?.types),
    // Other sessions need locks too.
    mostLocks: Math.max(50, Math.min(1_000, Math.floor(Number(room?.room) / 6))),
  };
}

/** Orders objects so that each comes before the objects that it needs; a cycle keeps the given order. */
export function dependentsFirst(
  objects: readonly string[],
  needs: readonly (readonly [of: string, needs: string])[],
): string[] {
  const all = new Set(objects);
  const edges = needs.filter(([of, needed]) => of !== needed && all.has(of) && all.has(needed));
  const needing = new Map<string, number>();
  const needed = new Map<string, string[]>();
  for (const [of, need] of edges) {
    needing.set(need, (needing.get(need) ?? 0) + 1);
    needed.set(of, [...(needed.get(of) ?? []), need]);
  }
  const ordered = new Set<string>();
  const ready = objects.filter((object) => !needing.has(object));
  const rest = [...objects];
  while (ordered.size < objects.length) {
    const next = ready.pop() ?? rest.shift();
    if (next === undefined) break;
    if (ordered.has(next)) continue;
    ordered.add(next);
    for (const need of needed.get(next) ?? []) {
      const left = (needing.get(need) ?? 0) - 1;
      needing.set(need, left);
      if (left === 0) ready.push(need);
    }
  }
  return [...ordered];
}
