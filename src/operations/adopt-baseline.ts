import type { AdoptedSchema } from '../adopt/import-histories.ts';
import {
  type BaselineProposal,
  type BaselineRules,
  describeBaseline,
  type ProposedBaseline,
  proposeBaseline,
  type RefusedBaseline,
} from '../baseline/baseline-proposals.ts';
import {
  type BaselineComparison,
  compareBaselines,
  type FoundSchemas,
  ignoredInBaselines,
} from '../baseline/compare-baselines.ts';
import { readFilesBefore } from '../baseline/files-before-kind.ts';
import { recordBaselines } from '../baseline/record-baselines.ts';
import { coveredBy } from '../baseline/replayable.ts';
import { SqlmigError } from '../errors.ts';
import type { MigrationRun } from '../fleet/migrator.ts';
import { findForeignTables } from '../history/foreign-tables.ts';
import { tablesNamed } from '../history/presence.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { parseMigrations, readMigrations } from '../project/migrations.ts';
import { callback, checkOptions, checkValue, type Kinds, text, version, yesOrNo } from '../project/option.ts';
import { historyTablesIn, kindOf } from '../project/scope-view.ts';
import { type Selection, selection } from '../project/selection.ts';
import { canonicalVersion, newestVersion } from '../project/version.ts';
import type { ScopeName } from '../results.ts';
import { withRun } from '../run/run.ts';
import { type ChangeOptions, changeKinds, migrateSettings } from '../run/run-options.ts';
import { traced } from '../run/tracing.ts';
import type { Migration } from '../sql/migration.ts';
import { allTargets, listsNoTenants, managedIn, readFleetState } from '../state/fleet-state.ts';
import { namedScope } from '../state/scope-names.ts';
import { readShapeHashes } from '../structure/read-shapes.ts';
import { tenantsQueryFailed } from '../tenants/tenants.ts';

/** Which schemas get a baseline, and up to which version. */
export interface AdoptBaselineOptions extends ChangeOptions {
  /** The newest version to record, for public files and tenant files. */
  readonly version: string;
  /** A kind of the config: record its files, in its tenants, after those of all tenants. */
  readonly scope?: string;
  readonly select: Selection;
  /** Record the files despite differences, or if the files cannot be replayed. */
  readonly acceptDifferences?: boolean;
  /** Called once with the baselines, if nothing is refused. They are recorded only if it returns `true`. */
  readonly accept: (found: ComparedBaseline) => boolean | Promise<boolean>;
}

/** The baselines to record, and how the schemas differ from the structure that the files build. */
export interface ComparedBaseline extends BaselineComparison {
  readonly version: string;
  readonly baselines: readonly ProposedBaseline[];
  /** Schemas with a history, which are left unchanged. */
  readonly unchanged: readonly string[];
  /** Tenants were selected, and the tenant source lists none. */
  readonly noTenants: boolean;
}

/** The recorded baselines, or why none were recorded. */
export interface AdoptedBaseline extends ComparedBaseline {
  /** If there are any, nothing is changed. */
  readonly refused: readonly RefusedBaseline[];
  readonly accepted: boolean;
  /** The outcome of each schema; empty unless accepted. */
  readonly schemas: readonly AdoptedSchema[];
}

const nothingCompared: BaselineComparison = {
  differences: [],
  replayError: null,
  replayedIn: null,
  leftOut: [],
};

const kinds: Kinds<AdoptBaselineOptions> = {
  ...changeKinds,
  version: { ...version, required: true },
  scope: text,
  select: { ...selection, required: true },
  acceptDifferences: yesOrNo,
  accept: { ...callback, required: true },
};

/**
 * Records all migrations up to a version as applied, without running them, in schemas that have no history. It first
 * builds the structure from the files, in a temporary database or in a transaction that is rolled back, and compares it
 * with the schemas, object by object.
 * @throws SqlmigError if it cannot start: `bad-usage`, `config-invalid`, mistakes in the files, no connection,
 *   `server-refused` if the files can be replayed neither in a temporary database nor in a transaction.
 */
export async function adoptBaseline(config: Config, options: AdoptBaselineOptions): Promise<AdoptedBaseline> {
  requireConfig(config);
  checkOptions(options, kinds);
  return traced('adopt', config, { options, work: run });
}

async function run(
  config: Config,
  { version: upTo, scope, select, accept, acceptDifferences = false, ...change }: AdoptBaselineOptions,
): Promise<AdoptedBaseline> {
  const scoped = scope === undefined ? config : kindOf(config, scope);
  const migrations = await readMigrations(scoped);
  const covered = {
    public: scope === undefined ? coveredBy(migrations.public, upTo) : [],
    tenant: coveredBy(migrations.tenant, upTo),
  };
  requireVersion(
    scope === undefined ? [...migrations.public, ...migrations.tenant] : migrations.tenant,
    upTo,
  );
  const scripts = await parseMigrations([...covered.public, ...covered.tenant], migrations);
  const settings = migrateSettings(change, scoped);
  const source = { config: scoped, migrations, options: settings.plan };
  return withRun(scoped, settings, async (current) => {
    const migrationRun = { run: current, source, settings };
    const proposed = await proposeBaselines(migrationRun, { version: upTo, select, covered });
    const { proposals, refused, unchanged } = proposed;
    const isReady = proposals.length > 0 && refused.length === 0;
    const comparison = isReady ? await compareBaselines(migrationRun, proposed, covered) : nothingCompared;
    const named = <T extends { readonly scope: ScopeName }>(items: readonly T[]) =>
      items.map((item) => namedScope(item, scoped));
    const compared = { ...comparison, differences: named(comparison.differences) };
    const result = {
      version: upTo,
      baselines: named(proposals.map(describeBaseline)),
      unchanged,
      noTenants: listsNoTenants(proposed.state, select),
      ...compared,
      refused,
      accepted: false,
      schemas: [],
    };
    const differs = compared.differences.length > 0 || compared.replayError !== null;
    if (!isReady || (differs && !acceptDifferences)) return result;
    const accepted = await accept(result);
    checkValue('the answer of accept', accepted, yesOrNo);
    if (!accepted) return result;
    return { ...result, accepted, schemas: named(await recordBaselines(migrationRun, proposed, scripts)) };
  });
}

function requireVersion(files: readonly Migration[], upTo: string): void {
  const wanted = canonicalVersion(upTo);
  if (files.some((file) => file.version !== null && canonicalVersion(file.version) === wanted)) return;
  const newest = newestVersion(files);
  throw new SqlmigError('bad-usage', `no file has version ${upTo}`, {
    state: 'nothing was touched',
    hint:
      newest === null ? 'write the files that build the structure first' : `the newest version is ${newest}`,
  });
}

/** The schemas before the comparison. */
interface ProposedSchemas extends FoundSchemas {
  readonly refused: readonly RefusedBaseline[];
  readonly unchanged: readonly string[];
}

async function proposeBaselines(
  { run: current, source }: MigrationRun,
  { version: upTo, select, covered }: Pick<BaselineRules, 'version' | 'select' | 'covered'>,
): Promise<ProposedSchemas> {
  const { config } = source;
  return current.read(async (session, reader) => {
    const state = await readFleetState(reader, source, { selection: select });
    if (state.tenantsUnknown !== null) throw tenantsQueryFailed(state.tenantsUnknown);
    const histories = await findForeignTables(session, { historyTable: config.historyTable });
    const { historyTable } = config;
    const otherTables = historyTablesIn(config).filter((table) => table !== historyTable);
    const ofOtherScopes = otherTables.length === 0 ? [] : await tablesNamed(session, otherTables);
    const leftOut = [...histories.map(({ oid }) => oid), ...ofOtherScopes];
    const request = { ignore: ignoredInBaselines, historyTable, leftOut };
    const targets = allTargets(state);
    const schemas = targets.filter(({ rows }) => rows.length === 0).map(({ schema }) => schema);
    const hashes = await readShapeHashes(session, { ...request, schemas });
    const objects = (schema: string) => hashes.get(schema)?.objects ?? 0;
    const before = await readFilesBefore(reader, source, schemas);
    const rules = { config, version: upTo, select, covered, histories, before, objects };
    const proposed = targets.flatMap((target) => proposeBaseline(target, rules) ?? []);
    const refused = proposed.filter((item): item is RefusedBaseline => 'message' in item);
    const proposals = proposed.filter((item): item is BaselineProposal => 'files' in item);
    const refusedSchemas = new Set(refused.map(({ schema }) => schema));
    const unchanged = managedIn(state).filter((schema) => !refusedSchemas.has(schema));
    return { state, proposals, refused, unchanged, hashes, request };
  });
}
