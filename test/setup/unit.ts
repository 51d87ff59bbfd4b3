import { parseConnection } from '../../src/core/connection-string.ts';
import { openSession, type Session } from '../../src/db/session.ts';
import type { UnitFrame, UnitSchema } from '../../src/db/unit-frame.ts';
import type { Reach, Script } from '../../src/index.ts';

/** What units of a test have in common, for tests that send them without a run around. */
export const testFrame: UnitFrame = {
  runId: 'test',
  host: 'here',
  appliedBy: 'test',
  publicSchema: 'public',
  table: 'schema_migrations',
  searchPath: ['tenant', 'public'],
  lockTimeoutMs: 5_000,
  checksClient: false,
  limitsTransactions: false,
  sync: false,
  ownSession: false,
  heard: () => {},
};

/** The reach of a statement that mentions nothing. */
export const plainReach: Reach = {
  names: new Set(),
  words: new Set(),
  opaque: false,
  code: false,
  privileges: false,
  moves: false,
  temporary: false,
  targets: [],
};

/** A script that never met the parser. */
export function uncheckedScript(version: string, text: string): Script {
  const migration = {
    scope: 'tenant',
    version,
    name: 'unchecked',
    checksum: version,
    file: 'unchecked.sql',
    text,
  } as const;
  const reach = { ...plainReach, opaque: true, code: true, temporary: true };
  return {
    migration,
    text,
    statements: [{ start: 0, end: text.length, kind: '', reach }],
    nonTransactional: null,
    allowsPublic: false,
    lints: [],
    extensions: [],
    sharedRows: { certain: false, names: new Set() },
  };
}

/** A session without a run around; with settings it is one of the kind that a run has where there is no pooler. */
export function testSession(
  url: string,
  settings?: Readonly<Record<string, string>>,
  silentAfterMs?: number,
): Promise<Session> {
  return openSession({
    target: parseConnection(url, {}),
    applicationName: 'sqlmig test',
    connectTimeoutMs: 5_000,
    ...(settings && { settings }),
    ...(silentAfterMs !== undefined && { silentAfterMs }),
  });
}

/** A tenant without history, as if it had been looked at. */
export function emptyTenant(schema: string): UnitSchema {
  return {
    schema,
    oid: null,
    scope: 'tenant',
    history: [],
    digest: null,
    mayDiscard: false,
    hasIdentity: true,
    requires: null,
    guarded: null,
  };
}
