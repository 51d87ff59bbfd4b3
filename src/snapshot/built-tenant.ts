import { tablesNamed } from '../history/presence.ts';
import type { Session } from '../server/session.ts';
import { readShapes } from '../structure/read-shapes.ts';
import type { Shape } from '../structure/shape.ts';
import { type Dependencies, readDependencies } from './dependencies.ts';
import type { Refuse } from './refusal.ts';
import { mostRows, readRows, type TenantRows } from './rows.ts';
import { readSchemaSettings, type SchemaSettings } from './schema-settings.ts';

/** A tenant that was built from the files, as it was read. */
export interface BuiltTenant {
  readonly name: string;
  /** With addresses. */
  readonly shape: Shape;
  readonly dependencies: Dependencies;
  readonly rows: TenantRows;
  readonly settings: SchemaSettings;
}

/** The histories of a tenant to read, the last written one first. */
interface Reading {
  readonly histories: readonly [string, ...string[]];
  readonly refuse: Refuse;
}

/** Reads a tenant. @throws SqlmigError `snapshot-refused` if a table has too many rows. */
export async function readBuilt(
  session: Session,
  name: string,
  { histories: [historyTable, ...others], refuse }: Reading,
): Promise<BuiltTenant> {
  const leftOut = others.length === 0 ? [] : await tablesNamed(session, others);
  const request = { schemas: [name], ignore: new Set<never>(), historyTable, leftOut, addresses: true };
  const shape = (await readShapes(session, request)).get(name) ?? [];
  const rows = await readRows(session, name, shape);
  if ('tooMany' in rows)
    throw refuse(
      `${rows.tooMany} has more than ${mostRows} rows`,
      'insert them from the application, or keep them in a public table',
    );
  return {
    name,
    shape,
    rows,
    dependencies: await readDependencies(session),
    settings: await readSchemaSettings(session, name),
  };
}

/** What two tenants should share: everything but their names. */
export function nameless({ name, shape }: BuiltTenant): Shape {
  const bare = (text: string) => text.replaceAll(name, '\0');
  return shape.map(({ kind, of, name: own, attributes }) => ({
    kind,
    of: of === null ? null : bare(of),
    name: bare(own),
    attributes: Object.fromEntries(Object.entries(attributes).map(([key, text]) => [key, bare(text)])),
  }));
}
