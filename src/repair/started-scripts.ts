import type { Settlement } from '../decide/settlement.ts';
import { keptKey } from '../decide/undo.ts';
import { requireExtensions, settleExtensions } from '../fleet/extensions.ts';
import type { MigrationRun } from '../fleet/migrator.ts';
import type { HistoryRow } from '../history/row.ts';
import { readKeptDown } from '../history/undo-rows.ts';
import { type Migrations, parseMigrations } from '../project/migrations.ts';
import { historyKey } from '../project/order.ts';
import { filledFrom } from '../project/vars.ts';
import type { Scope } from '../results.ts';
import type { Run } from '../run/run.ts';
import { scriptForTenant } from '../sql/filling.ts';
import type { Migration, Script } from '../sql/migration.ts';
import type { Target } from '../state/target.ts';
import { noSuchStatement, severalFiles } from './settle-refusals.ts';

/** Which incomplete migrations to settle, and how. */
export interface SettleRequest {
  readonly targets: readonly Target[];
  /** The history key of the migration; `null` for any that is incomplete. */
  readonly key: string | null;
  /** `null` to describe them only. */
  readonly how: Settlement | null;
}

/** The incomplete migration of a schema. */
interface StartedMigration {
  readonly target: Target;
  readonly row: HistoryRow;
  /** `null` if its file is missing. The history may keep a missing down file. */
  readonly script: Script | null;
  /** The file has changed since it was started. */
  readonly changed: boolean;
}

/** An incomplete migration whose file exists. */
export interface StartedScript extends StartedMigration {
  readonly script: Script;
}

/** The incomplete migrations of some schemas, with their files parsed. */
export interface StartedScripts {
  /** The incomplete migration of a schema; `null` if it has none. */
  readonly of: (target: Target) => StartedMigration | null;
  readonly all: readonly StartedMigration[];
  /** Each script once. */
  readonly scripts: readonly Script[];
}

/**
 * Finds the incomplete migrations of schemas and parses their files.
 * @throws SqlmigError for mistakes in the files, and `bad-usage` if a statement number would apply to several files or
 * to none.
 */
export async function readStartedScripts(
  { run, source: { migrations } }: MigrationRun,
  { targets, key, how }: SettleRequest,
): Promise<StartedScripts> {
  const kept = await readKeptFiles(run, migrations, { targets, key });
  const find = (target: Target) => findStarted(target, migrations, { key, kept });
  const files = [...new Set(targets.flatMap((target) => find(target)?.file ?? []))];
  if (how?.kind === 'from' && files.length > 1) throw severalFiles(files);
  const parsed = [...(await parseMigrations(files, migrations)).values()];
  const { scripts, missing } = await run.read((session) =>
    settleExtensions(session, { scripts: parsed }, run.config),
  );
  if (how !== null && how.kind !== 'mark-applied') requireExtensions(missing);
  const [script] = scripts;
  if (how?.kind === 'from' && script !== undefined && how.statement > script.statements.length + 1)
    throw noSuchStatement(script, how.statement);
  const byFile = new Map(scripts.map((script) => [script.migration, script]));
  const of = (target: Target): StartedMigration | null => {
    const incomplete = find(target);
    if (incomplete === null) return null;
    const { row, file } = incomplete;
    if (file === null) return { target, row, script: null, changed: false };
    const changed = file.checksum !== startedChecksum(row);
    const script = byFile.get(file);
    return {
      target,
      row,
      script: script === undefined ? null : scriptForTenant(script, target.schema),
      changed,
    };
  };
  return { of, all: targets.flatMap((target) => of(target) ?? []), scripts };
}

/** Which incomplete migrations to find; `kept` has the down files that histories keep, by `startedKey`. */
interface Search {
  readonly key: string | null;
  readonly kept?: ReadonlyMap<string, Migration>;
}

function findStarted(
  { rows, scope }: Target,
  migrations: Migrations,
  { key, kept = new Map() }: Search,
): { readonly row: HistoryRow; readonly file: Migration | null } | null {
  const row = rows.find(
    (candidate) => candidate.state === 'incomplete' && (key === null || historyKey(candidate) === key),
  );
  if (row === undefined) return null;
  const files = row.undoneBy === undefined ? migrations[scope] : migrations.down;
  const file =
    files.find((candidate) => candidate.scope === scope && historyKey(candidate) === historyKey(row)) ?? null;
  const isChanged = row.undoneBy !== undefined && file?.checksum !== row.undoneBy;
  return { row, file: (isChanged ? kept.get(startedKey(scope, row)) : file) ?? file };
}

/** Identifies a down file that was started: equal texts may undo different migrations. */
function startedKey(scope: Scope, row: HistoryRow): string {
  return `${scope} ${keptKey(row, startedChecksum(row))}`;
}

/** Reads the started down files that the project lacks or has changed. */
async function readKeptFiles(
  run: Run,
  migrations: Migrations,
  { targets, key }: Pick<SettleRequest, 'targets' | 'key'>,
): Promise<ReadonlyMap<string, Migration>> {
  const kept = new Map<string, Migration>();
  for (const target of targets) {
    const { row, file } = findStarted(target, migrations, { key }) ?? {};
    if (row?.undoneBy === undefined || !target.isCurrent || file?.checksum === row.undoneBy) continue;
    const { schema, scope } = target;
    const started = startedKey(scope, row);
    if (kept.has(started)) continue;
    const place = { schema, table: run.config.historyTable, scope, ...filledFrom(run.config.vars) };
    const found = await run.read((session) => readKeptDown(session, place, row));
    if (found?.checksum === row.undoneBy) kept.set(started, found);
  }
  return kept;
}

/** The checksum of the file that was started. */
export function startedChecksum({ checksum, undoneBy }: HistoryRow): string {
  return undoneBy ?? checksum;
}
