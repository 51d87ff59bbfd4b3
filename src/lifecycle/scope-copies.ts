import { type KindBuild, prepareKind } from '../fleet/create-schema.ts';
import { enlist, isListedBefore } from '../fleet/enlist.ts';
import { migratorOfKind } from '../fleet/kinds.ts';
import type { MigrationRun, Migrator } from '../fleet/migrator.ts';
import type { SchemaOutcome } from '../results.ts';
import type { Run } from '../run/run.ts';
import type { Session } from '../server/session.ts';
import { type PlanSource, tenantRequests } from '../state/plan-source.ts';
import { readTargets, type Target } from '../state/target.ts';
import { filesOf } from './reproducible.ts';
import type { FoundTenant } from './tenant.ts';

/** A scope of a tenant, and the copy that gets its files. */
export interface ScopeCopy {
  /** The migrator that builds the copy. */
  readonly migrator: Migrator;
  /** The tenant with its history of this scope. */
  readonly from: Target;
  /** The new schema, with the files that the tenant has applied. */
  readonly target: Target;
  readonly listed: boolean;
}

/** The scopes of a tenant, in the order in which `up` applies their files. */
export type ScopeCopies = readonly [ScopeCopy, ...ScopeCopy[]];

/** A tenant and its copy. */
export interface CopyPlaces {
  readonly source: Pick<MigrationRun, 'run'>;
  readonly name: string;
  readonly target: Pick<MigrationRun, 'run' | 'settings'>;
  readonly to: string;
  /** Copy it even if no tenant source lists the new name. */
  readonly unlisted: boolean;
  /** An interrupted move has closed the tenant. */
  readonly isClosed: boolean;
}

/** The sources of the scopes of which a tenant has a history. */
export function sourcesOf(
  sources: readonly PlanSource[],
  { isOfAll, scopes }: Pick<FoundTenant, 'isOfAll' | 'scopes'>,
): readonly [PlanSource, ...PlanSource[]] {
  const [first, ...more] = sources.filter(({ config: { scope } }) =>
    scope === null ? isOfAll : scopes.includes(scope.name),
  );
  if (first === undefined) throw new RangeError('a tenant has a history');
  return [first, ...more];
}

/**
 * Reads each scope of a tenant, and the files from which its copy is built.
 * @throws SqlmigError `not-reproducible`, `unlisted-tenant`, the trouble of a history.
 */
export async function openScopeCopies(
  { source, name, target, to, unlisted, isClosed }: CopyPlaces,
  [first, ...kinds]: readonly [PlanSource, ...PlanSource[]],
): Promise<ScopeCopies> {
  const open = async (scope: PlanSource): Promise<ScopeCopy> => {
    const from = await readScope(source.run, scope, name);
    if (from.trouble !== null && !(isClosed && from.trouble.code === 'tenant-moved')) throw from.trouble;
    const { readSnapshot: _, ...files } = scope.migrations;
    const applied = { ...scope, migrations: { ...files, tenant: filesOf(from, files.tenant) } };
    const migrator = migratorOfKind(target, applied);
    const listed = unlisted || (await isListedBefore(migrator.run, to));
    const copy = await readScope(migrator.run, applied, to);
    await migrator.scripts.parse(copy.plan.steps);
    return { migrator, from, target: copy, listed };
  };
  const copies: [ScopeCopy, ...ScopeCopy[]] = [await open(first)];
  for (const kind of kinds) copies.push(await open(kind));
  return copies;
}

/** Reads a schema as a tenant of one scope. */
export async function readScope(run: Run, source: PlanSource, name: string): Promise<Target> {
  const [target] = await run.read((_, reader) =>
    readTargets(tenantRequests(source, [name]), reader, source.config.historyTable),
  );
  if (target === undefined) throw new RangeError('one request gives one target');
  return target;
}

/**
 * Prepares the files of the other scopes for the transaction that creates a schema with the files of the first.
 * @throws SqlmigError `not-reproducible` if they cannot share that transaction.
 */
export async function prepareKinds([first, ...kinds]: ScopeCopies): Promise<
  (session: Session) => Promise<void>
> {
  const before = [...(await first.migrator.scripts.of(first.target))];
  const builds: KindBuild[] = [];
  for (const { migrator, target } of kinds) {
    builds.push(await prepareKind(migrator, target, before));
    before.push(...(await migrator.scripts.of(target)));
  }
  const created = [first, ...kinds].map(({ migrator }) => migrator.context.table);
  return async (session) => {
    for (const [i, build] of builds.entries()) await build(session, created.slice(0, i + 1));
  };
}

/** Makes sure that the tenant source of each scope lists the new copy. */
export async function enlistCopy(copies: ScopeCopies, made: SchemaOutcome): Promise<SchemaOutcome> {
  let outcome = made;
  for (const { migrator, listed } of copies)
    if (!listed && outcome.error === undefined) outcome = await enlist(migrator.run, outcome);
  return outcome;
}
