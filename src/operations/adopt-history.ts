import {
  type ForeignHistoryFound,
  readForeignHistories,
  readToolSessions,
  type ToolSession,
} from '../adopt/foreign-histories.ts';
import { type AdoptedSchema, importHistories } from '../adopt/import-histories.ts';
import {
  type HistoryImport,
  type ImportProposal,
  type ImportRules,
  isShared,
  proposeImport,
  type RefusedHistory,
} from '../adopt/import-proposals.ts';
import { readOriginals } from '../adopt/project-sources.ts';
import { createScopeReadings } from '../adopt/scope-readings.ts';
import { SqlmigError } from '../errors.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { readMigrations } from '../project/migrations.ts';
import { callback, checkOptions, checkValue, type Kinds, text, yesOrNo } from '../project/option.ts';
import { everySchema, type Selection, selection } from '../project/selection.ts';
import { withRun } from '../run/run.ts';
import { type ChangeOptions, changeKinds, migrateSettings } from '../run/run-options.ts';
import { traced } from '../run/tracing.ts';
import {
  allTargets,
  listsNoTenants,
  managedIn,
  readFleetState,
  selectTenants,
} from '../state/fleet-state.ts';

/** Which histories of other tools to import. */
export interface AdoptHistoryOptions extends ChangeOptions {
  readonly select: Selection;
  /** The tool whose history to import, as `adopt` names it, if a schema has histories of two. */
  readonly fromTool?: string;
  /** Folder of the project's original files, in the other tool's layout, to compare its checksums with. */
  readonly files?: string;
  /** Leave out rows whose files no longer exist, instead of refusing the history. */
  readonly acceptMissing?: boolean;
  /** Called once with the imports, if there are any and none is refused. They proceed only if it returns `true`. */
  readonly accept: (imports: readonly HistoryImport[]) => boolean | Promise<boolean>;
}

/** What was imported from other tools' histories, or why nothing was. */
export interface AdoptedHistories {
  readonly imports: readonly HistoryImport[];
  /** If there are any, nothing is changed. */
  readonly refused: readonly RefusedHistory[];
  /** Sessions of the tools that may be migrating now. If there is any, nothing is touched. */
  readonly sessions: readonly ToolSession[];
  /** Schemas with a history that the tenant source does not list; they are left unchanged. */
  readonly unlisted: readonly string[];
  /** Schemas with a sqlmig history and nothing to import. */
  readonly unchanged: readonly string[];
  /** Tenants were selected, and the tenant source lists none. */
  readonly noTenants: boolean;
  readonly accepted: boolean;
  /** The outcome of each schema; empty unless accepted. */
  readonly schemas: readonly AdoptedSchema[];
}

const kinds: Kinds<AdoptHistoryOptions> = {
  ...changeKinds,
  select: { ...selection, required: true },
  fromTool: text,
  files: text,
  acceptMissing: yesOrNo,
  accept: { ...callback, required: true },
};

/**
 * Imports the histories of other tools: each schema in one transaction, under the locks of `up` and an ACCESS EXCLUSIVE
 * lock on the old table. That table is renamed if it has the name of sqlmig's, else a trigger refuses writes; it is never
 * dropped.
 * @throws SqlmigError if it cannot start: `bad-usage`, `config-invalid`, mistakes in the files, no connection.
 */
export async function adoptHistory(config: Config, options: AdoptHistoryOptions): Promise<AdoptedHistories> {
  requireConfig(config);
  checkOptions(options, kinds);
  return traced('adopt', config, { options, work: run });
}

async function run(
  config: Config,
  { select, accept, fromTool, files, acceptMissing = false, ...change }: AdoptHistoryOptions,
): Promise<AdoptedHistories> {
  const migrations = await readMigrations(config);
  const originals = files === undefined ? null : readOriginals(config, files);
  const settings = migrateSettings(change, config);
  const source = { config, migrations, options: settings.plan };
  return withRun(config, settings, async (current) => {
    const { state, tenants, histories } = await current.read(async (session, reader) => {
      const every = await selectTenants(reader, config, { selection: everySchema });
      return {
        state: await readFleetState(reader, source, { selection: select }),
        tenants: new Set('unknown' in every ? [] : every.names),
        histories: ofTool(await readForeignHistories(session, config.historyTable), fromTool),
      };
    });
    const readScopes = createScopeReadings(config, migrations, originals);
    const rules = { config, tenants, acceptMissing, readScopes };
    const proposed = allTargets(state).flatMap((target) => proposeImport(target, histories, rules) ?? []);
    const proposals = proposed.filter((item): item is ImportProposal => 'share' in item);
    const refused = proposed.filter((item): item is RefusedHistory => !('share' in item));
    const used = [...new Set(proposals.map((proposal) => proposal.source))];
    const sessions = await current.read((session) => readToolSessions(session, used));
    const imports = proposals.map(({ describe }) => describe);
    const named = new Set([...imports, ...refused].map(({ schema }) => schema));
    const isReady = imports.length > 0 && refused.length === 0 && sessions.length === 0;
    const accepted = isReady && (await accept(imports));
    checkValue('the answer of accept', accepted, yesOrNo);
    const schemas = accepted
      ? await importHistories({ run: current, source, settings }, proposals, rules)
      : [];
    return {
      imports,
      refused,
      sessions,
      unlisted: unlistedIn(histories, rules),
      unchanged: managedIn(state).filter((schema) => !named.has(schema)),
      noTenants: listsNoTenants(state, select),
      accepted,
      schemas,
    };
  });
}

function unlistedIn(
  histories: readonly ForeignHistoryFound[],
  rules: Pick<ImportRules, 'config' | 'tenants'>,
): readonly string[] {
  const unlisted = histories.filter(
    ({ found, reader }) => reader !== null && !isShared(found, rules) && !rules.tenants.has(found.schema),
  );
  return [...new Set(unlisted.map(({ found }) => found.schema))];
}

function ofTool(
  histories: readonly ForeignHistoryFound[],
  tool: string | undefined,
): readonly ForeignHistoryFound[] {
  if (tool === undefined) return histories;
  const matching = histories.filter(({ found }) => found.tool.toLowerCase() === tool.toLowerCase());
  if (matching.length > 0) return matching;
  const tools = [...new Set(histories.map(({ found }) => found.tool))].join(', ');
  throw new SqlmigError('bad-usage', `no history of ${tool} was found`, {
    hint: tools === '' ? 'leave --from-tool out' : `found histories of ${tools}`,
  });
}
