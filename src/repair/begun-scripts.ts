import type { Settlement } from '../decide/settlement.ts';
import { requireExtensions, settleExtensions } from '../fleet/extensions.ts';
import type { MigrationRun } from '../fleet/migrator.ts';
import type { HistoryRow } from '../history/row.ts';
import { type Migrations, parseMigrations } from '../project/migrations.ts';
import { historyKey } from '../project/order.ts';
import { forTenant } from '../sql/filling.ts';
import type { Migration, Script } from '../sql/migration.ts';
import type { Target } from '../state/target.ts';
import { noSuchStatement, severalFiles } from './settle-refusals.ts';

/** Which incomplete migrations are settled, and how. */
export interface Settling {
  readonly targets: readonly Target[];
  /** The history key of the migration; `null` for any that is incomplete. */
  readonly key: string | null;
  /** `null` only describes them. */
  readonly how: Settlement | null;
}

/** The incomplete migration of a schema. */
interface Begun {
  readonly target: Target;
  readonly row: HistoryRow;
  /** `null` if its file is missing. */
  readonly script: Script | null;
  /** The file has changed since it was started. */
  readonly changed: boolean;
}

/** An incomplete migration whose file exists. */
export interface BegunScript extends Begun {
  readonly script: Script;
}

/** The incomplete migrations of some schemas, with their files parsed. */
export interface BegunScripts {
  /** The incomplete migration of a schema; `null` if it has none. */
  readonly of: (target: Target) => Begun | null;
  readonly all: readonly Begun[];
  /** Each script once. */
  readonly scripts: readonly Script[];
}

/**
 * Finds the incomplete migrations of schemas and parses their files.
 * @throws SqlmigError for mistakes in the files, and `bad-usage` if a statement number would apply to several files or to none.
 */
export async function readBegunScripts(
  { run, source: { migrations } }: MigrationRun,
  { targets, key, how }: Settling,
): Promise<BegunScripts> {
  const files = [...new Set(targets.flatMap((target) => findBegun(target, migrations, key)?.file ?? []))];
  if (how?.kind === 'from' && files.length > 1) throw severalFiles(files);
  const parsed = [...(await parseMigrations(files, migrations)).values()];
  const { scripts, missing } = await run.read((session) =>
    settleExtensions(session, { scripts: parsed }, run.config),
  );
  if (how !== null && how.kind !== 'mark-applied') requireExtensions(missing);
  const [script] = scripts;
  if (how?.kind === 'from' && script !== undefined && how.statement > script.statements.length + 1)
    throw noSuchStatement(script, how.statement);
  const byFile = new Map(scripts.map((script) => [script.migration.file, script]));
  const of = (target: Target): Begun | null => {
    const found = findBegun(target, migrations, key);
    if (found === null) return null;
    const { row, file } = found;
    const changed = file !== null && file.checksum !== row.checksum;
    const script = byFile.get(file?.file ?? '');
    return { target, row, script: script === undefined ? null : forTenant(script, target.schema), changed };
  };
  return { of, all: targets.flatMap((target) => of(target) ?? []), scripts };
}

function findBegun(
  { rows, scope }: Target,
  migrations: Migrations,
  key: string | null,
): { readonly row: HistoryRow; readonly file: Migration | null } | null {
  const row = rows.find((one) => one.state === 'incomplete' && (key === null || historyKey(one) === key));
  if (row === undefined) return null;
  return { row, file: migrations[scope].find((one) => historyKey(one) === historyKey(row)) ?? null };
}
