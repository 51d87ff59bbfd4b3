import { SqlmigError } from '../errors.ts';
import type { Migrations } from '../project/migrations.ts';
import type { ErrorDetails, Scope } from '../results.ts';
import type { MigrateSettings } from '../run/run-options.ts';
import type { Migration } from '../sql/migration.ts';
import type { ShapeRequest } from '../structure/read-shapes.ts';
import type { KnownShape } from '../structure/shape.ts';
import type { LeftOutStatement } from '../verify-results.ts';

/** Where files are replayed: in a temporary database, or in schemas of a transaction that is rolled back. */
export type ReplayWay = 'database' | 'transaction';

/** The structure that a replay has built, or why it failed. */
export interface Replayed {
  readonly way: ReplayWay;
  readonly expected: Readonly<Record<Scope, KnownShape>> | null;
  readonly error: ErrorDetails | null;
  readonly leftOut: readonly LeftOutStatement[];
}

/** The files to replay. */
export interface ReplayRequest {
  readonly migrations: Migrations;
  /** Those of tenants may be of several scopes, each in running order. */
  readonly covered: Readonly<Record<Scope, readonly Migration[]>>;
  /** The name of the schema that represents all tenants. */
  readonly tenant: string;
  readonly settings: MigrateSettings;
  readonly ignore: ShapeRequest['ignore'];
  readonly except?: ShapeRequest['except'];
}

/** What several replays left out, each statement once. */
export function distinctLeftOut(statements: readonly LeftOutStatement[]): LeftOutStatement[] {
  return [...new Map(statements.map((statement) => [JSON.stringify(statement), statement])).values()];
}

/** The error of a replay whose signal is aborted. */
export function interruptedReplay(): SqlmigError {
  return new SqlmigError('interrupted', 'interrupted before anything was recorded', {
    state: 'nothing was touched',
    hint: 'run it again',
  });
}
