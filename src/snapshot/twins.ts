import type { ReplayDatabase, ReplayedFiles } from '../baseline/replay-in-database.ts';
import { runLogName } from '../history/run-log.ts';
import { scopeTable } from '../project/scopes.ts';
import { compareShapes } from '../structure/shape.ts';
import { findUnknownKinds } from '../structure/unknown-kinds.ts';
import { type BuiltTenant, nameless, readBuilt } from './built-tenant.ts';
import { changedOutside, readOutside } from './outside.ts';
import { type Refuse, requireReplayed } from './refusal.ts';
import { type Moment, readMoment } from './rows.ts';

/** What a snapshot is written with. */
export interface Building {
  readonly database: ReplayDatabase;
  readonly files: ReplayedFiles;
  /** The kind whose files the snapshot replaces; `null` for the files of all tenants. */
  readonly kind: string | null;
  readonly refuse: Refuse;
}

/** Two tenants that were built alike. */
export interface BuiltTwins {
  readonly first: BuiltTenant;
  readonly second: BuiltTenant;
  /** The first tenant as it was before the files of the kind; `null` if there are no files of all tenants. */
  readonly before: BuiltTenant | null;
  readonly since: Moment;
  readonly until: Moment;
}

/** Builds two tenants, which must be alike and all that the files of the snapshot build. */
export async function buildTwins(building: Building, twins: readonly [string, string]): Promise<BuiltTwins> {
  const { database, files, kind, refuse } = building;
  const { session, migrate, config } = database;
  const runLog = runLogName(config.historyTable);
  requireWithin(building);
  requireReplayed(await migrate([], { all: files.all }));
  const before = kind === null ? null : await buildBase(building, twins);
  const known = new Set((await findUnknownKinds(session, twins)).map((unknown) => unknown.kind));
  const outside = await readOutside(session, twins, runLog);
  const since = await readMoment(session);
  requireReplayed(await migrate(twins, files));
  const until = await readMoment(session);
  const [change] = changedOutside(outside, await readOutside(session, twins, runLog));
  if (change !== undefined) throw refuse(`the tenant files change more than the tenant's schema: ${change}`);
  const unknown = (await findUnknownKinds(session, twins)).find((tenant) => !known.has(tenant.kind));
  if (unknown !== undefined) throw refuse(`it cannot have objects of this kind: ${unknown.kind}`);
  const [first, second] = [await readTwin(building, twins[0]), await readTwin(building, twins[1])];
  const [difference] = compareShapes(nameless(first), nameless(second));
  if (difference !== undefined)
    throw refuse(`two new tenants differ in the ${difference.objectKind} ${difference.object}`);
  return { first, second, before, since, until };
}

/** Builds tenants from the files of all tenants. Returns the first tenant, or `null` if there are no files. */
export async function buildBase(
  building: Building,
  names: readonly [string, ...string[]],
): Promise<BuiltTenant | null> {
  const { database, files, refuse } = building;
  const { session, migrate, config } = database;
  if (files.all.tenant.length === 0) return null;
  requireReplayed(await migrate(names, { all: files.all }));
  return readBuilt(session, names[0], { histories: [config.historyTable], refuse });
}

/** Reads a tenant that has all files. */
export function readTwin({ database, kind, refuse }: Building, name: string): Promise<BuiltTenant> {
  const { historyTable } = database.config;
  const histories =
    kind === null ? ([historyTable] as const) : ([scopeTable(historyTable, kind), historyTable] as const);
  return readBuilt(database.session, name, { histories, refuse });
}

function requireWithin({ database, files, refuse }: Building): void {
  const { leftOut } = database.kindFiles ?? database.files;
  const ofTenants = new Set((files.kind ?? files.all).tenant.map(({ file }) => file));
  const [beyond] = leftOut.filter(({ file }) => ofTenants.has(file));
  if (beyond !== undefined)
    throw refuse(`${beyond.file}:${beyond.line} has ${beyond.what}, which affects the whole server`);
}
