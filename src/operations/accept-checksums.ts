import type { Config } from '../config.ts';
import { historyKey } from '../core/plan.ts';
import { quoteLiteral } from '../core/quote.ts';
import { asSqlmigError } from '../db/failure.ts';
import { historyTable } from '../db/history.ts';
import { composeEdit } from '../db/message.ts';
import { rowOf } from '../db/unit.ts';
import { readMigrations } from '../migrations.ts';
import type { Migration, Scope } from '../model.ts';
import { unitSchema } from '../run/gate.ts';
import type { Target } from '../run/look.ts';
import { unitFrame, withRun } from '../run/run.ts';
import { type RunOptions, serviceOptions } from '../run/service.ts';
import { type Selection, survey } from '../run/survey.ts';

/** An applied file that was changed since, in one schema. */
export interface ChangedChecksum {
  readonly database: string;
  readonly schema: string;
  readonly scope: Scope;
  readonly version: string | null;
  readonly name: string;
  readonly file: string;
  /** What was applied. */
  readonly from: string;
  /** What the file is now. */
  readonly to: string;
}

/**
 * Finds applied files that were changed since, and records their new checksums where `accept`, asked with all of them,
 * says so. Runs none of them.
 * @throws SqlmigError where it cannot begin, or a schema's lock is not to be had.
 */
export async function acceptChecksums(
  config: Config,
  select: Selection,
  accept: (changed: readonly ChangedChecksum[]) => boolean | Promise<boolean>,
  options: RunOptions = {},
): Promise<{ readonly changed: readonly ChangedChecksum[]; readonly accepted: boolean }> {
  const migrations = await readMigrations(config);
  const settings = serviceOptions(options, config);
  return withRun(config, settings, async (run) => {
    const found = await run.look((_, reader) => survey(reader, migrations, select, settings.plan, config));
    const pairs = [found.public, ...found.tenants].flatMap((target) =>
      changedIn(target, migrations[target.scope]).map((file) => ({ target, file })),
    );
    const changed = pairs.map(({ target, file }) => toChanged(target, file, run.database));
    if (changed.length === 0 || !(await accept(changed))) return { changed, accepted: false };
    const frame = unitFrame(run, { ...settings, sync: true });
    const session = await run.openSession();
    try {
      for (const { target, file } of pairs) {
        const table = historyTable(target.schema, config.historyTable);
        const change = `update ${table} set checksum = ${quoteLiteral(file.checksum)} where ${rowOf(file)} and checksum = ${quoteLiteral(appliedChecksum(target, file))}`;
        await session.run(composeEdit(unitSchema(target, null), change, frame));
      }
    } catch (error) {
      throw asSqlmigError(error);
    } finally {
      await session.close();
    }
    return { changed, accepted: true };
  });
}

function changedIn({ plan }: Target, files: readonly Migration[]): Migration[] {
  const changed = new Set(
    plan.findings.filter(({ kind }) => kind === 'checksum-changed').map(({ file }) => file),
  );
  return files.filter((file) => changed.has(file.file));
}

function appliedChecksum({ rows }: Target, file: Migration): string {
  return rows.find((row) => historyKey(row) === historyKey(file))?.checksum ?? '';
}

function toChanged(target: Target, file: Migration, database: string): ChangedChecksum {
  const { schema, scope } = target;
  const { version, name } = file;
  const from = appliedChecksum(target, file);
  return { database, schema, scope, version, name, file: file.file, from, to: file.checksum };
}
