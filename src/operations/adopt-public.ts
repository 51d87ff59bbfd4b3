import { type Obstacle, readForeignHistories, readToolSessions } from '../adopt/foreign-histories.ts';
import type { HistoryImport, ImportRules } from '../adopt/import-proposals.ts';
import { readOriginals } from '../adopt/project-sources.ts';
import { createScopeReadings } from '../adopt/scope-readings.ts';
import { isListed, unlisted } from '../fleet/enlist.ts';
import type { MigrationRun } from '../fleet/migrator.ts';
import type { MoveWay } from '../move/compose.ts';
import { countKinds, historyTablesOf, type KindCount } from '../move/contents.ts';
import { planHistories } from '../move/histories.ts';
import type { FunctionRewrite, SearchPathChange } from '../move/mentions.ts';
import { type MoveMeasures, movePublic } from '../move/move.ts';
import type { MoveParts } from '../move/steps.ts';
import type { RoleSessions } from '../move/surroundings.ts';
import {
  type MoveRequest,
  notesOf,
  obstaclesOf,
  obstaclesOfMoving,
  obstaclesOfTenants,
  survey,
} from '../move/survey.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { readMigrations } from '../project/migrations.ts';
import {
  callback,
  checkOptions,
  checkValue,
  type Kinds,
  tenantName,
  text,
  yesOrNo,
} from '../project/option.ts';
import { requireNoScopes } from '../project/scope-view.ts';
import { everySchema } from '../project/selection.ts';
import type { ErrorDetails } from '../results.ts';
import { unitContext } from '../run/context.ts';
import { withRun } from '../run/run.ts';
import { type ChangeOptions, changeKinds, migrateSettings } from '../run/run-options.ts';
import { traced } from '../run/tracing.ts';
import { readFleetState, selectTenants } from '../state/fleet-state.ts';
import type { Target } from '../state/target.ts';
import { requireTenantName } from '../tenants/tenant-name.ts';

/** How to make public a tenant. */
export interface AdoptPublicOptions extends ChangeOptions {
  /** The name of the tenant's schema. */
  readonly as: string;
  /** Names of objects that stay in public. The objects that they need stay too, except tables and views. */
  readonly keep?: readonly string[];
  /** Rewrite function bodies that qualify moved objects with public. */
  readonly rewriteFunctions?: boolean;
  /** Move although logical replication finds tables by schema and name. */
  readonly acceptReplication?: boolean;
  /** As in `adoptHistory`. */
  readonly files?: string;
  /** As in `adoptHistory`. */
  readonly acceptMissing?: boolean;
  /** Execute the move and roll it back. */
  readonly rehearse?: boolean;
  /** Called once with the plan, if there is no obstacle; only `true` starts the move. Not called by a rehearsal. */
  readonly accept: (plan: PublicMove) => boolean | Promise<boolean>;
}

/** An object that stays in public, and why: `asked`, `history`, or the object that needs it. */
export interface StayingObject {
  readonly kind: string;
  readonly name: string;
  readonly because: string;
}

/** The planned move, or the obstacles to it. */
export interface PublicMove {
  readonly database: string;
  readonly host: string;
  readonly schema: string;
  readonly as: string;
  /** If there are any, nothing is changed. */
  readonly obstacles: readonly Obstacle[];
  readonly notes: readonly string[];
  readonly counts: readonly KindCount[];
  readonly stays: readonly StayingObject[];
  readonly extensions: readonly string[];
  /** sqlmig's own history in public: how many rows go to the tenant, and how many stay. */
  readonly ownHistory: { readonly moved: number; readonly stays: number } | null;
  /** Imports of another tool's history. */
  readonly imports: readonly HistoryImport[];
  /** Functions whose bodies are rewritten. */
  readonly rewrites: readonly Omit<FunctionRewrite, 'oid'>[];
  /** Functions whose own search_path gets the tenant. */
  readonly paths: readonly Omit<SearchPathChange, 'oid'>[];
  readonly roles: readonly RoleSessions[];
  /** The tenant will have no history, by which the config finds tenants: it must list them first. */
  readonly mustList: boolean;
  /** The method; `null` if it is unknown because of an obstacle. */
  readonly way: MoveWay | null;
  /** Why the schema cannot be renamed. */
  readonly whyMove: string | null;
  /** What a rehearsal measured; `null` without one. */
  readonly rehearsal: MoveMeasures | null;
}

/** The completed move. */
export interface AdoptedPublic extends PublicMove {
  readonly accepted: boolean;
  /** `null` if nothing was changed. */
  readonly moved: MoveMeasures | null;
  readonly error?: ErrorDetails;
}

const kinds: Kinds<AdoptPublicOptions> = {
  ...changeKinds,
  as: tenantName,
  keep: {
    takes: 'a list of names',
    fits: (value) => Array.isArray(value) && value.every((name) => text.fits(name)),
  },
  rewriteFunctions: yesOrNo,
  acceptReplication: yesOrNo,
  files: text,
  acceptMissing: yesOrNo,
  rehearse: yesOrNo,
  accept: { ...callback, required: true },
};

/**
 * Moves the contents of public to the first tenant, in one transaction: renames the schema and creates a new public, or
 * moves the objects one by one, whichever works in a rehearsal. Rows are not rewritten. It first checks for uses of the
 * name public and for everything that does not move with the objects. The histories are divided along with the files.
 * @throws SqlmigError `bad-tenant-name`, and if it cannot start: `bad-usage`, `config-invalid`, mistakes in the files, no
 *   connection.
 */
export async function adoptPublic(config: Config, options: AdoptPublicOptions): Promise<AdoptedPublic> {
  requireConfig(config);
  requireNoScopes(config, 'sqlmig adopt --public-as');
  checkOptions(options, kinds);
  return traced('adopt', config, { options, work: run });
}

async function run(config: Config, options: AdoptPublicOptions): Promise<AdoptedPublic> {
  const {
    as,
    keep = [],
    rewriteFunctions = false,
    acceptReplication = false,
    files,
    acceptMissing = false,
    rehearse = false,
    accept,
    ...change
  } = options;
  requireTenantName(as, config.publicSchema);
  const wish: MoveRequest = { schema: config.publicSchema, as, keep, rewriteFunctions, acceptReplication };
  const migrations = await readMigrations(config);
  const originals = files === undefined ? null : readOriginals(config, files);
  const readScopes = createScopeReadings(config, migrations, originals);
  const settings = migrateSettings(change, config);
  const source = { config, migrations, options: settings.plan };
  return withRun(config, settings, async (current) => {
    const migrationRun: MigrationRun = { run: current, source, settings };
    const found = await surveyPublic(migrationRun, wish, { acceptMissing, readScopes });
    const described = describe(migrationRun, found);
    if (found.obstacles.length > 0) return { ...described, accepted: false, moved: null };
    const { error, ...chosen } = await chooseWay(migrationRun, found, rehearse);
    const plan: PublicMove = { ...described, ...chosen };
    const result = { ...plan, accepted: false, moved: null, ...(error && { error }) };
    if (plan.way === null || plan.obstacles.length > 0 || error !== undefined || rehearse) return result;
    const accepted = await accept(plan);
    checkValue('the answer of accept', accepted, yesOrNo);
    if (!accepted) return result;
    const choice = { way: plan.way, commit: true };
    const end = await movePublic(migrationRun, found.target, { parts: found.parts, choice });
    return end.state === 'done'
      ? { ...result, accepted, moved: end.measured }
      : { ...result, accepted, error: end.error };
  });
}

interface PublicSurvey {
  readonly target: Target;
  readonly parts: MoveParts;
  readonly obstacles: readonly Obstacle[];
}

async function surveyPublic(
  { run: current, source, settings }: MigrationRun,
  wish: MoveRequest,
  { acceptMissing, readScopes }: Pick<ImportRules, 'acceptMissing' | 'readScopes'>,
): Promise<PublicSurvey> {
  const { config } = source;
  return current.read(async (session, reader) => {
    const every = await selectTenants(reader, config, { selection: everySchema });
    const { public: target } = await readFleetState(reader, source, { selection: { kind: 'public' } });
    const foreign = await readForeignHistories(session, config.historyTable);
    const sessions = await readToolSessions(session, foreign);
    const found = await survey(session, wish, historyTablesOf(foreign, config));
    const tenants = new Set('unknown' in every ? [] : every.names);
    const rules = { config, tenants, acceptMissing, readScopes };
    const histories = planHistories(wish.as, { source, target, histories: foreign, sessions, rules });
    const context = unitContext(current, { ...settings, sync: true });
    return {
      target,
      parts: { found, histories, rules, context },
      obstacles: [
        ...obstaclesOf(found, histories, source),
        ...obstaclesOfTenants(found, tenants),
        ...(await listingObstacles(current, wish.as)),
      ],
    };
  });
}

/** The obstacle if the tenant source does not list the new tenant. A query runs again within the move. */
async function listingObstacles(current: MigrationRun['run'], as: string): Promise<Obstacle[]> {
  const { tenants } = current.config.database;
  if (tenants.kind === 'query' || (await isListed(current, as))) return [];
  const { message, details } = unlisted(current.config, as, { state: 'nothing was changed' });
  return [{ message, hint: (details.hint ?? '').replace(/, or accept it with --unlisted$/, '') }];
}

interface ChosenWay extends Partial<Pick<PublicMove, 'obstacles' | 'way' | 'whyMove' | 'rehearsal'>> {
  readonly error?: ErrorDetails;
}

/** Rehearses the rename, which locks no table that moves. Moving is rehearsed only on request. */
async function chooseWay(
  migrationRun: MigrationRun,
  { target, parts }: PublicSurvey,
  rehearse: boolean,
): Promise<ChosenWay> {
  const attempt = (way: MoveWay) =>
    movePublic(migrationRun, target, { parts, choice: { way, commit: false } });
  const end = await attempt('rename');
  if (end.state === 'done') return { way: 'rename', rehearsal: end.measured };
  if (!end.cannotRename) return { error: end.error };
  const obstacles = obstaclesOfMoving(parts.found);
  const chosen: ChosenWay = { obstacles, way: 'move', whyMove: end.error.message };
  if (obstacles.length > 0 || !rehearse) return chosen;
  const moving = await attempt('move');
  return moving.state === 'done'
    ? { ...chosen, rehearsal: moving.measured }
    : { ...chosen, error: moving.error };
}

function describe({ run: current }: MigrationRun, { parts, obstacles }: PublicSurvey): PublicMove {
  const { found, histories } = parts;
  const { wish, division, surroundings, mentions, roles } = found;
  const { own } = histories;
  return {
    database: current.database,
    host: current.server.host,
    schema: wish.schema,
    as: wish.as,
    obstacles,
    notes: notesOf(found),
    counts: countKinds(division),
    stays: division.kept.map(({ item: { kind, name }, because }) => ({ kind, name, because })),
    extensions: surroundings.extensions.map(({ name }) => name),
    ownHistory: own === null ? null : { moved: own.tenant.length, stays: own.stays },
    imports: histories.describe,
    rewrites: mentions.rewrites.map(({ identity, lines }) => ({ identity, lines })),
    paths: mentions.paths.map(({ identity, from, to }) => ({ identity, from, to })),
    roles,
    mustList:
      own === null && histories.describe.length === 0 && current.config.database.tenants.kind === 'history',
    way: null,
    whyMove: null,
    rehearsal: null,
  };
}
