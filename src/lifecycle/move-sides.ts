import type { MigrationRun } from '../fleet/migrator.ts';
import { type MoveMark, readMoveMark } from '../history/move-mark.ts';
import { readScopes } from '../project/migrations.ts';
import type { MoveDatabases } from '../project/move-databases.ts';
import { tenantScopes } from '../project/scope-view.ts';
import { type Run, withRun } from '../run/run.ts';
import { type ChangeOptions, migrateSettings } from '../run/run-options.ts';
import type { PlanSource } from '../state/plan-source.ts';
import { type MoveRecord, readMoves } from './move-record.ts';
import type { FoundTenant } from './tenant.ts';
import { findTenant, requireKnownScopes } from './tenant.ts';

/** The database that a tenant comes from, and the one that it is moved to. */
export interface MoveSides {
  readonly source: MigrationRun;
  readonly target: MigrationRun;
  /** The plan sources of the other database: for the files of all tenants, then for each kind. */
  readonly sources: readonly PlanSource[];
}

/** A database by its own name and that of its server. */
export interface DatabasePlace {
  readonly database: string;
  readonly host: string;
}

/** Connects to both databases. @throws SqlmigError if it cannot start. */
export async function withMoveSides<T>(
  { source, target }: MoveDatabases,
  change: ChangeOptions,
  work: (sides: MoveSides) => Promise<T>,
): Promise<T> {
  const scopes = await readScopes(source);
  const [{ migrations }] = scopes;
  const settings = { ...migrateSettings(change, source), sync: true };
  const side = (run: Run): MigrationRun => ({
    run,
    source: { config: run.config, migrations, options: settings.plan },
    settings,
  });
  return withRun(source, settings, (run) =>
    withRun(target, settings, (targetRun) => {
      // Both databases have the same files.
      const sources = tenantScopes(targetRun.config).flatMap(({ config }, i) => {
        const files = scopes[i];
        return files === undefined ? [] : [{ ...files, config, options: settings.plan }];
      });
      return work({ source: side(run), target: side(targetRun), sources });
    }),
  );
}

/** The database of a run. */
export function databasePlace({ database, server }: Run): DatabasePlace {
  return { database, host: server.host };
}

/** A database in words. */
export function placeWords({ database, host }: DatabasePlace): string {
  return `${database} on ${host}`;
}

/** What both databases say about the move of a tenant. */
export interface MoveState extends FoundTenant {
  /** The mark of a tenant that is read-only in its old database. */
  readonly mark: MoveMark | null;
  /** The record of this move in the other database; without a mark, of the latest move from this database. */
  readonly record: MoveRecord | null;
}

/**
 * Reads the state of a tenant's move.
 * @throws SqlmigError `not-reproducible` if the tenant has a history of a scope that the config does not have.
 */
export async function readMoveState({ source, target }: MoveSides, name: string): Promise<MoveState> {
  const { publicSchema, historyTable } = source.run.config;
  const found = await findTenant(source, name);
  await requireKnownScopes(source.run, name);
  const mark = await source.run.read((session) => readMoveMark(session, name, historyTable));
  const moves = await target.run.read((session) => readMoves(session, name, publicSchema));
  const here = placeWords(databasePlace(source.run));
  const record = moves.findLast(({ id, source }) => (mark === null ? source === here : id === mark.id));
  const isOfAll = found.isOfAll && mark?.madeHistory !== true;
  return { ...found, isOfAll, mark, record: record ?? null };
}
