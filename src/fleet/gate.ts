import { SqlmigError } from '../errors.ts';
import { historyTable, readDigest } from '../history/history.ts';
import type { Config } from '../project/config.ts';
import { publicTable } from '../project/scope-view.ts';
import { canonicalVersion, compareVersions } from '../project/version.ts';
import { readGuard } from '../protocol/guard.ts';
import type { UnitSchema } from '../protocol/unit-context.ts';
import type { Session } from '../server/session.ts';
import type { Script } from '../sql/migration.ts';
import { othersOnPath } from '../sql/search-path.ts';
import type { Target } from '../state/target.ts';

/** What public contained when tenants were started, and what tenant files must not change. */
export interface Gate extends Pick<UnitSchema, 'requires' | 'guarded'> {
  /** Versions that public must still contain. */
  readonly versions: readonly string[];
  /** The number of scripts that the guard covers. */
  readonly scripts: number;
}

/** The input of a gate. */
interface GateParts {
  readonly shared: Target;
  /** The newest file of public. */
  readonly upTo: string | null;
  /** The scripts that may run. */
  readonly scripts: readonly Script[];
  /** The previous gate; public must still contain its versions. */
  readonly before: Gate | null;
}

/**
 * Reads what public contains now.
 * @throws SqlmigError `public-behind` if a version of the previous gate is missing.
 */
export async function createGate(
  session: Session,
  { shared, upTo, scripts, before }: GateParts,
  config: Config,
): Promise<Gate> {
  const { publicSchema, searchPath } = config;
  const guarded = await readGuard(session, othersOnPath(searchPath, publicSchema), scripts);
  // With --to below the first public file, tenants require nothing of public.
  if (upTo === null || !shared.hasHistory) {
    return { requires: null, guarded, versions: before?.versions ?? [], scripts: scripts.length };
  }
  const versions = shared.rows
    .flatMap((row) => row.version ?? [])
    .filter((version) => compareVersions(version, upTo) <= 0);
  const lacking = before?.versions.find((version) => !versions.includes(version));
  if (lacking !== undefined) throw publicBehind(lacking);
  const table = historyTable(publicSchema, publicTable(config));
  const digest = await readDigest(session, table, `version <= ${canonicalVersion(upTo)}`);
  return { requires: { upTo: canonicalVersion(upTo), digest }, guarded, versions, scripts: scripts.length };
}

/** The schemas of the config's `searchPath` that do not exist. */
export function missingOnPath(
  gate: Pick<Gate, 'guarded'> | null,
  { searchPath, publicSchema }: Config,
): string[] {
  const isSystem = (name: string) => /^pg_|^information_schema$/.test(name);
  return othersOnPath(searchPath, publicSchema).filter(
    (name) => !isSystem(name) && gate?.guarded?.schemas.has(name) === false,
  );
}

/** The schema of a target, with the facts that units use. */
export function unitSchema(
  { schema, oid, scope, rows: history, digest, mayDiscardRows, isCurrent, isUnmanaged }: Target,
  gate: Pick<UnitSchema, 'requires' | 'guarded'> | null,
): UnitSchema {
  const { requires, guarded } = (scope === 'tenant' ? gate : null) ?? { requires: null, guarded: null };
  const isInUse = history.length > 0 || isUnmanaged;
  return { schema, oid, scope, history, isInUse, digest, mayDiscardRows, isCurrent, requires, guarded };
}

/** The error for tenants that must wait for public. */
export function publicBehind(version: string): SqlmigError {
  return new SqlmigError(
    'public-behind',
    `public is behind: ${version} is not applied, and tenants depend on it`,
    {
      state: 'not touched',
      hint: 'run: sqlmig up --public',
    },
  );
}
