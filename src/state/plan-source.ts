import type { PlanOptions } from '../decide/plan.ts';
import type { Config } from '../project/config.ts';
import type { Migrations } from '../project/migrations.ts';
import { historyTablesIn } from '../project/scope-view.ts';
import type { Scope } from '../results.ts';
import type { Migration } from '../sql/migration.ts';
import type { UndoBasis } from './undo-basis.ts';

/** The input for the plans of a run. */
export interface PlanSource {
  readonly config: Config;
  readonly migrations: Migrations;
  readonly options: PlanOptions;
  /** Present in a run of `down`. */
  readonly undo?: Readonly<Record<Scope, UndoBasis>>;
}

/** The part of a plan source that concerns one scope. */
export interface PlanBasis {
  readonly scope: Scope;
  readonly files: readonly Migration[];
  readonly options: PlanOptions;
  /** The names of all histories that a tenant may have; absent if there is one. */
  readonly histories?: readonly string[];
  /** The files belong to a kind of tenants. */
  readonly ofKind?: true;
  readonly undo?: UndoBasis;
}

/** A schema to read, and the basis of its plan. */
export interface TargetRequest {
  readonly schema: string;
  readonly basis: PlanBasis;
}

/** The basis of plans in a scope. */
export function basisOf({ config, migrations, options, undo }: PlanSource, scope: Scope): PlanBasis {
  return {
    scope,
    files: migrations[scope],
    options,
    ...(config.scopes.length > 0 && { histories: historyTablesIn(config) }),
    ...(config.scope !== null && { ofKind: true as const }),
    ...(undo && { undo: undo[scope] }),
  };
}

/** The request for the public schema. */
export function publicRequest(source: PlanSource): TargetRequest {
  return { schema: source.config.publicSchema, basis: basisOf(source, 'public') };
}

/** The requests for tenants. */
export function tenantRequests(source: PlanSource, names: readonly string[]): TargetRequest[] {
  const basis = basisOf(source, 'tenant');
  return names.map((schema) => ({ schema, basis }));
}
