import { type FoundTable, renamedFor } from '../history/foreign-tables.ts';
import type { TimeMeaning } from '../history/import/table-form.ts';
import type { Config } from '../project/config.ts';
import type { Scope } from '../results.ts';
import type { Target } from '../state/target.ts';
import { few } from '../text/few.ts';
import { type ForeignHistoryFound, type Obstacle, twoHistories, unreadable } from './foreign-histories.ts';
import { type ReadScopes, type ScopeReading, type Share, shareIn } from './scope-readings.ts';

/** The import of a history into one schema. */
export interface HistoryImport {
  readonly schema: string;
  readonly scope: Scope;
  readonly tool: string;
  /** The table of the tool's history. Its schema may differ from the target. */
  readonly from: { readonly schema: string; readonly table: string };
  /** The new name of the table; `null` if it keeps its name and gets a trigger. */
  readonly renamedTo: string | null;
  /** The number of files that it records as applied. */
  readonly applied: number;
  /** The checksum by which files were compared; `null` if they cannot be compared. */
  readonly checkedBy: string | null;
  readonly equal: number;
  /** What the recorded times mean. */
  readonly time: TimeMeaning;
  /** Rows without a file, which are left out. */
  readonly leftOut: readonly string[];
}

/** Why a history is not imported. */
export interface RefusedHistory extends Obstacle {
  readonly schema: string;
  readonly tool: string | null;
  readonly table: string | null;
}

/** A history to import into a schema. */
export interface ImportProposal {
  readonly target: Target;
  readonly source: ForeignHistoryFound;
  readonly share: Share;
  readonly describe: HistoryImport;
}

/** The input for proposals. */
export interface ImportRules {
  readonly config: Config;
  readonly readScopes: ReadScopes;
  /** Every tenant, selected or not: other schemas may have a history of public or of tenants. */
  readonly tenants: ReadonlySet<string>;
  /** Accept rows without a file. */
  readonly acceptMissing: boolean;
}

/** The import of a schema, or why it is refused; `null` if there is nothing to import. */
export function proposeImport(
  target: Target,
  histories: readonly ForeignHistoryFound[],
  rules: ImportRules,
): ImportProposal | RefusedHistory | null {
  const { schema, trouble, rows, exists } = target;
  if (rows.length > 0 || !exists) return null;
  const isForeign = trouble?.code === 'foreign-history';
  if (trouble !== null && !isForeign) {
    const { message, hint = '' } = trouble.details;
    return { schema, tool: null, table: null, message, hint };
  }
  const [source, another] = sourcesOf(target, histories, rules);
  if (source === undefined) return null;
  const { tool, table } = source.found;
  const refuse = ({ message, hint }: Obstacle): RefusedHistory => ({ schema, tool, table, message, hint });
  if (another !== undefined) {
    const hint =
      another.found.tool === tool
        ? `drop the unused one, in ${source.found.schema} or ${another.found.schema}`
        : `choose the one in use: --from-tool '${tool}' or --from-tool '${another.found.tool}'`;
    return refuse(twoHistories(schema, hint));
  }
  const { historyTable } = rules.config;
  if (isForeign && !isIn(source.found, schema, historyTable))
    return refuse({
      message: `"${schema}"."${historyTable}" is the history of another tool as well`,
      hint: 'set historyTable to a name that no other tool uses',
    });
  const reading = readingOf(source, rules.readScopes);
  if (!('shares' in reading)) return refuse(reading);
  const share = shareOf(target, source.found, reading);
  const obstacle = obstacleOf(source, { reading, share, rules });
  if (obstacle !== null) return refuse(obstacle);
  return { target, source, share, describe: describeImport(target, source.found, { reading, share, rules }) };
}

function isIn(found: FoundTable, schema: string, table: string): boolean {
  return found.schema === schema && found.table === table;
}

/** True for a history that may record files of public or of all tenants: in public, or in the tool's own schema. */
export function isShared(
  { schema, isAlone }: FoundTable,
  { config, tenants }: Pick<ImportRules, 'config' | 'tenants'>,
): boolean {
  return schema === config.publicSchema || (isAlone && !tenants.has(schema));
}

/** The histories for a schema: its own, or histories outside the tenants that record its files. */
function sourcesOf(
  { schema, scope, isUnmanaged }: Target,
  histories: readonly ForeignHistoryFound[],
  { config, tenants, readScopes }: ImportRules,
): ForeignHistoryFound[] {
  const own = histories.filter(({ found }) => found.schema === schema && found.takenOver !== 'renamed');
  const isAbout = (files: Scope) => (source: ForeignHistoryFound) => {
    const reading = readingOf(source, readScopes);
    return 'shares' in reading && shareIn(reading, files).applied.length > 0;
  };
  const outside = histories.filter(
    ({ found }) => found.schema !== schema && isShared(found, { config, tenants }),
  );
  if (scope === 'public') {
    const isOnlyTenants = (source: ForeignHistoryFound) =>
      source.found.table !== config.historyTable && !isAbout(scope)(source) && isAbout('tenant')(source);
    return [...own.filter((source) => !isOnlyTenants(source)), ...outside.filter(isAbout(scope))];
  }
  // A schema without tables is a new tenant, and needs every file.
  if (own.length > 0 || !isUnmanaged) return own;
  return outside.filter(isAbout(scope));
}

/** How a history matches the files of both scopes, or why it cannot be imported. */
function readingOf(source: ForeignHistoryFound, readScopes: ReadScopes): ScopeReading | Obstacle {
  const { found, history, reader } = source;
  if (reader === null || history === null || history instanceof Error)
    return unreadable(found, history instanceof Error ? history : null);
  const reading = readScopes(reader, history);
  return 'refused' in reading ? { message: reading.refused, hint: reading.hint } : reading;
}

function shareOf({ schema, scope }: Target, found: FoundTable, reading: ScopeReading): Share {
  return scope === 'tenant' && found.schema === schema ? reading.shares.tenant : shareIn(reading, scope);
}

interface ProposalInput {
  readonly reading: ScopeReading;
  readonly share: Share;
  readonly rules: ImportRules;
}

function obstacleOf(
  { found, history }: ForeignHistoryFound,
  { reading, share, rules }: ProposalInput,
): Obstacle | null {
  const { withoutFile, shares } = reading;
  const { changed, skipped } = share;
  const tooLong = withoutFile.filter((name) => /^\d{19}/.test(name));
  const rows = history === null || history instanceof Error ? 0 : history.rows.length;
  const matched = shares.public.applied.length + shares.tenant.applied.length + changed.length;
  if (!found.isOwned)
    return {
      message: `the role is not the owner of "${found.schema}"."${found.table}"`,
      hint: 'use its owner, or a member of that role',
    };
  if (changed.length > 0)
    return {
      message: `changed since they were applied: ${few(changed.map(({ file }) => file))}`,
      hint: 'restore the text that was applied, and write the change as a new migration',
    };
  if (skipped.length > 0)
    return {
      message: `not applied, although later files are: ${few(skipped.map(({ file }) => file))}`,
      hint: 'apply them with the old tool, or rename them to versions after the newest applied one',
    };
  if (tooLong.length > 0)
    return {
      message: `versions of more than 18 digits: ${few(tooLong)}`,
      hint: "convert the tool's files with: sqlmig adopt --convert DIR",
    };
  if (rows > 0 && matched === 0 && withoutFile.length > 0)
    return {
      message: `no row matches a file: ${few(withoutFile)}`,
      hint: "convert the tool's files with: sqlmig adopt --convert DIR",
    };
  if (withoutFile.length > 0 && !rules.acceptMissing)
    return {
      message: `applied without a file: ${few(withoutFile)}`,
      hint: 'restore these files, or leave out the rows of deleted ones with --accept-missing',
    };
  return null;
}

function describeImport(
  { schema, scope }: Target,
  found: FoundTable,
  { reading, share, rules: { config } }: ProposalInput,
): HistoryImport {
  return {
    schema,
    scope,
    tool: found.tool,
    from: { schema: found.schema, table: found.table },
    renamedTo: isIn(found, schema, config.historyTable) ? renamedFor(found.tool, found.table) : null,
    applied: share.applied.length,
    checkedBy: reading.checkedBy,
    equal: share.applied.filter(({ check }) => check === 'equal').length,
    time: reading.time,
    leftOut: reading.withoutFile,
  };
}
