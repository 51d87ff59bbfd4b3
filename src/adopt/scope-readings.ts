import { posix } from 'node:path';
import {
  type FileIndex,
  type FoundHistory,
  indexFiles,
  readForeignHistory,
} from '../history/import/foreign-reading.ts';
import type { ContentCheck, HistoryReader, Refusal, SourceFile } from '../history/import/history-reader.ts';
import type { TimeMeaning } from '../history/import/table-form.ts';
import type { Config } from '../project/config.ts';
import { folderOf, type Migrations } from '../project/migrations.ts';
import type { Scope } from '../results.ts';
import type { Migration } from '../sql/migration.ts';
import { readProjectSources } from './project-sources.ts';

/** A migration of one scope that another tool has applied. */
interface RecordedFile {
  readonly migration: Migration;
  /** ISO 8601; `null` if the tool records no time. */
  readonly appliedAt: string | null;
  readonly check: ContentCheck;
}

/** What a history says about the files of one scope. */
export interface Share {
  /** Files to record as applied. */
  readonly applied: readonly RecordedFile[];
  /** Files that differ from what was applied. */
  readonly changed: readonly Migration[];
  /** Files without a row, although a later file was applied. */
  readonly skipped: readonly Migration[];
}

/** What a history says about the files of both scopes. */
export interface ScopeReading {
  readonly shares: Readonly<Record<Scope, Share>>;
  /** If rows match files of both scopes, the scope with more matches. */
  readonly mostly: Scope | null;
  /** Rows that match no file of either scope, as the tool names them. */
  readonly withoutFile: readonly string[];
  readonly time: TimeMeaning;
  readonly checkedBy: string | null;
}

/** Matches histories of any tool with the files of both scopes. */
export type ReadScopes = (reader: HistoryReader, history: FoundHistory) => ScopeReading | Refusal;

/** Matches histories with the project's files, which are indexed once for each tool. */
export function createScopeReadings(
  config: Config,
  migrations: Migrations,
  originals: readonly SourceFile[] | null = null,
): ReadScopes {
  const sources = readProjectSources(config, originals);
  const files = {
    public: filesOf(config, migrations, { scope: 'public', sources: sources.public }),
    tenant: filesOf(config, migrations, { scope: 'tenant', sources: sources.tenant }),
  };
  const indexes = new Map<HistoryReader, Record<Scope, FileIndex>>();
  const read: ReadScopes = (reader, history) => {
    const index = indexes.get(reader) ?? {
      public: indexFiles(reader, files.public.sources),
      tenant: indexFiles(reader, files.tenant.sources),
    };
    indexes.set(reader, index);
    const shared = readShare(index.public, history, files.public.migrationOf);
    if ('refused' in shared) return shared;
    const tenant = readShare(index.tenant, history, files.tenant.migrationOf);
    return 'refused' in tenant ? tenant : combine(shared, tenant);
  };
  // A history outside the tenants is read for each tenant.
  const readings = new WeakMap<FoundHistory, ScopeReading | Refusal>();
  return (reader, history) => {
    const reading = readings.get(history) ?? read(reader, history);
    readings.set(history, reading);
    return reading;
  };
}

interface ScopeFiles {
  readonly sources: readonly SourceFile[];
  readonly migrationOf: (file: SourceFile) => Migration | undefined;
}

function filesOf(
  config: Config,
  migrations: Migrations,
  { scope, sources }: { readonly scope: Scope; readonly sources: readonly SourceFile[] },
): ScopeFiles {
  const byFile = new Map(migrations[scope].map((migration) => [migration.file, migration]));
  const folder = folderOf(config, scope);
  return {
    sources,
    migrationOf: ({ path, converted }) => byFile.get(posix.join(folder, converted?.file ?? path)),
  };
}

interface MatchedShare extends Share, Pick<ScopeReading, 'time' | 'checkedBy'> {
  /** By row name, the original of the converted file, or `null`. Only rows with a file. */
  readonly matched: ReadonlyMap<string, string | null>;
  readonly names: ReadonlySet<string>;
}

function readShare(
  index: FileIndex,
  history: FoundHistory,
  migrationOf: ScopeFiles['migrationOf'],
): MatchedShare | Refusal {
  const reading = readForeignHistory(index, history);
  if ('refused' in reading) return reading;
  const { applied, withoutFile, skipped, time, checkedBy } = reading;
  const recorded = applied.flatMap(({ file, recorded: { name, appliedAt }, check }) => {
    const migration = migrationOf(file);
    const origin = file.converted === undefined ? null : file.path;
    return migration === undefined ? [] : [{ name, origin, migration, appliedAt, check }];
  });
  const isChanged = ({ check }: RecordedFile) => check === 'changed';
  return {
    // A changed repeatable is left to the next `up`.
    applied: recorded.filter((file) => !isChanged(file)),
    changed: recorded
      .filter(isChanged)
      .flatMap(({ migration }) => (migration.version === null ? [] : migration)),
    skipped: skipped.flatMap((file) => migrationOf(file) ?? []).filter(({ version }) => version !== null),
    matched: new Map(recorded.map(({ name, origin }) => [name, origin])),
    names: new Set([
      ...applied.map(({ recorded: { name } }) => name),
      ...withoutFile.map(({ name }) => name),
    ]),
    time,
    checkedBy,
  };
}

function combine(shared: MatchedShare, tenant: MatchedShare): ScopeReading {
  // A file that was divided by a conversion has a part in each scope.
  const inBoth = [...shared.matched].some(([name, origin]) => {
    const other = tenant.matched.get(name);
    return other !== undefined && (origin === null || origin !== other);
  });
  const names = new Set([...shared.names, ...tenant.names]);
  const larger = tenant.matched.size > shared.matched.size ? 'tenant' : 'public';
  return {
    shares: { public: shared, tenant },
    mostly: inBoth ? larger : null,
    withoutFile: [...names].filter((name) => !shared.matched.has(name) && !tenant.matched.has(name)),
    time: shared.time,
    checkedBy: shared.checkedBy,
  };
}

/** The share of a scope in a history outside the tenants, which may record files of both scopes. */
export function shareIn({ shares, mostly }: ScopeReading, scope: Scope): Share {
  return mostly === null || mostly === scope ? shares[scope] : emptyShare;
}

const emptyShare: Share = { applied: [], changed: [], skipped: [] };
