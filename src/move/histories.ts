import type { ForeignHistoryFound, Obstacle, ToolSession } from '../adopt/foreign-histories.ts';
import {
  type HistoryImport,
  type ImportProposal,
  type ImportRules,
  proposeImport,
} from '../adopt/import-proposals.ts';
import { planSchema } from '../decide/plan.ts';
import { takenOverTrigger } from '../history/foreign-tables.ts';
import type { HistoryRow } from '../history/row.ts';
import { historyKey } from '../project/order.ts';
import { compareVersions } from '../project/version.ts';
import type { Migration } from '../sql/migration.ts';
import { basisOf, type PlanSource } from '../state/plan-source.ts';
import type { Target } from '../state/target.ts';
import { few } from '../text/few.ts';

/** How the histories are divided. */
export interface HistoryPlan {
  /** Rows of sqlmig's own history in public that go to the tenant; `null` if it has none. */
  readonly own: {
    readonly digest: string | null;
    /** Its table has the current form (see `Presence`). */
    readonly isCurrent: boolean;
    readonly tenant: readonly HistoryRow[];
    readonly stays: number;
  } | null;
  /** Imports of another tool's history: for public and for the tenant. */
  readonly imports: { readonly public: ImportProposal | null; readonly tenant: ImportProposal | null };
  readonly describe: readonly HistoryImport[];
  readonly obstacles: readonly Obstacle[];
}

/** The input of a history plan. */
export interface HistoryFacts {
  readonly source: PlanSource;
  readonly target: Target;
  readonly histories: readonly ForeignHistoryFound[];
  readonly sessions: readonly ToolSession[];
  readonly rules: ImportRules;
}

/** Divides the history of public between public and the new tenant `as`. */
export function planHistories(as: string, facts: HistoryFacts): HistoryPlan {
  const { target, sessions } = facts;
  const running = sessions.map(({ tool, pid, lock }) => ({
    message: `${tool} may be running: backend ${pid} has ${lock}`,
    hint: 'wait until it has ended',
  }));
  const plan = target.rows.length > 0 ? ownHistory(facts) : foreignHistory(as, facts);
  return { ...plan, obstacles: [...plan.obstacles, ...running] };
}

const noImports = { public: null, tenant: null };

function ownHistory({ source, target, histories, rules }: HistoryFacts): HistoryPlan {
  const { migrations } = source;
  const obstacles: Obstacle[] = [];
  const tenant: HistoryRow[] = [];
  const missing: string[] = [];
  const changed: string[] = [];
  for (const row of target.rows) {
    const shared = fileOf(migrations.public, row);
    const own = fileOf(migrations.tenant, row);
    if (row.state !== 'applied')
      obstacles.push({
        message: `${historyKey(row)} of public is incomplete`,
        hint: 'settle it first: sqlmig repair --public --resume',
      });
    else if (own !== undefined && (shared === undefined || isCloser(own, shared, row))) {
      tenant.push(row);
      if (own.checksum !== row.checksum) changed.push(own.file);
    } else if (shared === undefined) missing.push(historyKey(row));
  }
  if (changed.length > 0)
    obstacles.push({
      message: `changed since they were applied: ${few(changed)}`,
      hint: 'restore the text that was applied, and write the change as a new migration',
    });
  if (missing.length > 0 && !rules.acceptMissing)
    obstacles.push({
      message: `applied in public without a file: ${few(missing)}`,
      hint: 'restore these files, or leave their rows in public with --accept-missing',
    });
  if (tenant.length === 0) {
    const imported = histories.some(
      ({ found }) => found.schema === target.schema && found.takenOver !== null,
    );
    obstacles.push({
      message: 'the history of public records no tenant files',
      hint: imported ? undoImport : toTenants,
    });
  }
  obstacles.push(...skippedIn(migrations.tenant, tenant));
  const stays = target.rows.length - tenant.length;
  return {
    own: { digest: target.digest, isCurrent: target.isCurrent, tenant, stays },
    imports: noImports,
    describe: [],
    obstacles,
  };
}

const toTenants =
  "move the files that make the tenants' tables to the folder of the tenants, with their names";
const undoImport = `if it was imported before the move, undo the import: drop this table, and rename the old tool's table back or drop the function ${takenOverTrigger} with CASCADE; the move imports it into both schemas`;

function fileOf(files: readonly Migration[], row: HistoryRow): Migration | undefined {
  const same = files.filter((file) => historyKey(file) === historyKey(row));
  return same.find(({ name, checksum }) => name === row.name || checksum === row.checksum);
}

/** True if a row matches the tenant file better than the public file. */
function isCloser(own: Migration, shared: Migration, row: HistoryRow): boolean {
  const likeness = ({ name, checksum }: Migration) =>
    (checksum === row.checksum ? 2 : 0) + (name === row.name ? 1 : 0);
  return likeness(own) > likeness(shared);
}

function skippedIn(files: readonly Migration[], rows: readonly HistoryRow[]): Obstacle[] {
  const versions = rows.flatMap(({ version }) => version ?? []);
  const newest = versions.reduce((a, b) => (compareVersions(a, b) < 0 ? b : a), '0');
  const recorded = new Set(rows.map(historyKey));
  const skipped = files.filter(
    (file) =>
      file.version !== null && compareVersions(file.version, newest) < 0 && !recorded.has(historyKey(file)),
  );
  if (skipped.length === 0) return [];
  return [
    {
      message: `not applied, although later files are: ${few(skipped.map(({ file }) => file))}`,
      hint: 'give them versions after the newest applied one',
    },
  ];
}

function foreignHistory(as: string, { source, target, histories, rules }: HistoryFacts): HistoryPlan {
  const tenant: Target = {
    schema: as,
    scope: 'tenant',
    exists: true,
    oid: null,
    hasHistory: false,
    mayDiscardRows: false,
    isCurrent: true,
    isUnmanaged: true,
    isEmpty: false,
    rows: [],
    digest: null,
    plan: planSchema(basisOf(source, 'tenant').files, [], source.options),
    held: false,
    trouble: null,
  };
  const inUse = histories.filter(({ found }) => found.takenOver === null);
  const proposals = [target, tenant].map((schema) => proposeImport(schema, inUse, rules));
  const [shared, own] = proposals.map((proposal) =>
    proposal !== null && 'share' in proposal ? proposal : null,
  );
  const imports = { public: shared ?? null, tenant: own ?? null };
  const refused = new Map<string, Obstacle>();
  for (const proposal of proposals) {
    if (proposal === null || 'share' in proposal) continue;
    const { tool, table, message, hint } = proposal;
    const where = tool === null ? '' : `${tool}, ${table}: `;
    refused.set(message, { message: `${where}${message}`, hint });
  }
  const describe = [imports.public, imports.tenant].flatMap((accepted) => accepted?.describe ?? []);
  return { own: null, imports, describe, obstacles: [...refused.values()] };
}
