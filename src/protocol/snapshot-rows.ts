import { historyTable } from '../history/history.ts';
import type { Migration } from '../sql/migration.ts';
import { quoteLiteral } from '../sql/quote.ts';
import type { UnitContext, UnitSchema } from './unit-context.ts';
import { insertedColumns, insertedValues, keptValues } from './unit-row.ts';
import { setFilePath, setOwnPath } from './unit-settings.ts';

/** A migration that a snapshot replaces, and the number of its statements. */
export interface CoveredMigration {
  readonly migration: Migration;
  readonly statements: number;
}

/** A snapshot for one tenant, ready to be sent. */
export interface LoadedSnapshot {
  readonly sql: string;
  /** The settings of the session that wrote it. This session must have the same. */
  readonly session: Readonly<Record<string, string>>;
  readonly covered: readonly CoveredMigration[];
}

/** The column in which a creation reports that the SQL of the snapshot begins (`true`) and is done (`false`). */
export const loadingColumn = 'sqlmig_loading';

/**
 * Builds a schema from a snapshot and records the migrations that it replaces. Names of other schemas are qualified,
 * so the `search_path` is only the tenant's schema. Function bodies may name objects that are created later.
 */
export function loadSteps(
  { sql, covered, session }: LoadedSnapshot,
  schema: UnitSchema,
  context: UnitContext,
): string {
  return `select true as ${loadingColumn};
${Object.entries(session).map(requireSetting).join('')}${setFilePath(schema, { ...context, searchPath: ['tenant'] })}SET LOCAL check_function_bodies = off;
${sql}
;
SET LOCAL check_function_bodies = DEFAULT;
${setOwnPath}${insertRows(covered, schema, context)}select false as ${loadingColumn};
`;
}

/** Refuses the snapshot where values and definitions would get another meaning. */
function requireSetting([name, value]: readonly [string, string]): string {
  const now = `current_setting(${quoteLiteral(name)})`;
  const message = `${quoteLiteral(`it was written with ${name} = ${value}, and here it is `)} || ${now}`;
  const body = `begin if ${now} <> ${quoteLiteral(value)} then raise exception using message = ${message}; end if; end`;
  return `do ${quoteLiteral(body)};\n`;
}

function insertRows(covered: readonly CoveredMigration[], schema: UnitSchema, context: UnitContext): string {
  const rows = covered.map(({ migration, statements }) => {
    const values = insertedValues(
      { migration, statements, schema, context },
      { state: 'applied', by: context.appliedBy },
    );
    const { down = 'null', down_checksum: checksum = 'null' } = keptValues(migration.undoneBy, context);
    return `(${values}, ${down}, ${checksum})`;
  });
  return `insert into ${historyTable(schema.schema, context.table)} (${insertedColumns}, down, down_checksum) values\n${rows.join(',\n')};\n`;
}
