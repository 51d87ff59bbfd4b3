import { expect } from 'vitest';
import type { TestDatabase } from './database.ts';

/** A public file with a table in which every execution of a file leaves a line: nothing there is idempotent. */
export const effectsTable = `create table effects (scope text, schema text, version int, at timestamptz, seen int);
insert into effects values ('public', 'public', 1, clock_timestamp(), 0);`;

/** A file that leaves its line; `more` is SQL beside it. */
export function leavesEffect(scope: 'public' | 'tenant', version: number, more = ''): string {
  const schema = scope === 'public' ? `'public'` : 'current_schema()';
  return `${more}
insert into effects select '${scope}', ${schema}, ${version}, clock_timestamp(), count(*) from effects where scope = 'public';`;
}

/** Expects each of `versions` in each schema exactly once: one history row, one effect. */
export async function expectExactlyOnce(
  db: TestDatabase,
  schemas: readonly string[],
  versions: readonly number[],
) {
  const once = Object.fromEntries(versions.map((version) => [String(version), 1]));
  for (const schema of schemas) expect({ [schema]: await db.history(schema) }).toEqual({ [schema]: once });
  const effects = await db.query(
    `select schema, count(*)::int as n, count(distinct version)::int as versions from effects where scope = 'tenant' group by 1 order by 1`,
  );
  const wanted = [...schemas]
    .sort()
    .map((schema) => ({ schema, n: versions.length, versions: versions.length }));
  expect(effects.sort((a, b) => (String(a.schema) < String(b.schema) ? -1 : 1))).toEqual(wanted);
}
