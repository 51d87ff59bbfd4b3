import type { Migration, Script } from './migration.ts';
import { withStandIns } from './stand-ins.ts';

/** The SQL of a snapshot as a script whose placeholders can be filled in. It is not parsed, since sqlmig wrote it. */
export function snapshotScript(file: string, sql: string): Script {
  const migration: Migration = {
    scope: 'tenant',
    version: null,
    name: 'snapshot',
    checksum: '',
    file,
    text: sql,
    vars: new Map(),
  };
  const { placeholders, unset } = withStandIns(sql, migration);
  return {
    migration,
    text: sql,
    statements: [],
    placeholders,
    unset,
    nonTransactional: null,
    ownTransaction: false,
    allowsPublic: false,
    lints: [],
    lockLints: [],
    extensions: [],
    sharedRows: { certain: false, names: new Set() },
  };
}
