import { createHash } from 'node:crypto';
import { applyUnits, createHistory } from '../../src/execute/apply.ts';
import type { Attempt } from '../../src/execute/attempt.ts';
import type { Scope } from '../../src/index.ts';
import { parseFileName } from '../../src/project/file-name.ts';
import type { PendingFiles } from '../../src/protocol/message.ts';
import type { UnitContext, UnitSchema } from '../../src/protocol/unit-context.ts';
import { parseConnection } from '../../src/server/connection-string.ts';
import { openSession, type Session } from '../../src/server/session.ts';
import type { Reach, Script } from '../../src/sql/migration.ts';
import { toScript } from '../../src/sql/script.ts';

/** What units of a test have in common, for tests that send them without a run around. */
export const testContext: UnitContext = {
  runId: 'test',
  host: 'here',
  appliedBy: 'test',
  publicSchema: 'public',
  publicTable: 'schema_migrations',
  historyTables: ['schema_migrations'],
  table: 'schema_migrations',
  searchPath: ['tenant', 'public'],
  lockTimeoutMs: 5_000,
  checksClient: false,
  isUtf8: true,
  isCitus: false,
  limitsTransactions: false,
  sync: false,
  transactionPerFile: false,
  mayNotice: false,
  namesHistory: false,
  ownSession: false,
  confined: false,
  onNotice: () => {},
};

/** Applies scripts as a run does, after it has created the schema and its history with `bootstrap`. */
export async function applyPending(
  session: Session,
  { schema, scripts, bootstrap }: PendingFiles,
  run: Parameters<typeof applyUnits>[2],
): Promise<Attempt> {
  const created = bootstrap ? await createHistory(session, { schema, context: run.context }) : schema;
  return 'kind' in created ? created : applyUnits(session, { schema: created, scripts }, run);
}

/** The reach of a statement that mentions nothing. */
export const plainReach: Reach = {
  names: new Set(),
  words: new Set(),
  references: new Set(),
  creates: null,
  drops: false,
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
    placeholders: [],
    unset: [],
    nonTransactional: null,
    allowsPublic: false,
    ownTransaction: false,
    lints: [],
    lockLints: [],
    extensions: [],
    sharedRows: { certain: false, names: new Set() },
  };
}

/** A script as a run makes it from a file of this name and text; a mistake in it throws. */
export async function checkedScript(scope: Scope, fileName: string, text: string): Promise<Script> {
  const name = parseFileName(fileName);
  if (name === null) throw new Error(`${fileName} is no migration's name`);
  const version = name.kind === 'repeatable' ? null : name.version;
  const checksum = createHash('sha256').update(text).digest('hex');
  const script = await toScript(
    { scope, version, name: name.name, checksum, file: `sql/${scope}/${fileName}`, text },
    'public',
  );
  if (!('migration' in script)) throw script[0];
  return script;
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
    isInUse: false,
    digest: null,
    mayDiscardRows: false,
    isCurrent: true,
    requires: null,
    guarded: null,
  };
}
