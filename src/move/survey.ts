import type { Obstacle } from '../adopt/foreign-histories.ts';
import type { Scope } from '../results.ts';
import type { Session } from '../server/session.ts';
import { namesMadeBy } from '../sql/made-names.ts';
import { quoteIdentifier } from '../sql/quote.ts';
import type { PlanSource } from '../state/plan-source.ts';
import { fewAndMore } from '../text/few.ts';
import type { HistoryPlan } from './histories.ts';
import { type Inventory, readInventory, relationKinds, type SchemaItem } from './inventory.ts';
import { type Division, divide, keptItems } from './kept.ts';
import { findMentions, type Mentions } from './mentions.ts';
import { findOutsideUses, type OutsideUses } from './outside.ts';
import { type RoleSessions, readRoles, readSurroundings, type Surroundings } from './surroundings.ts';
import { type PrintedText, readFunctionTexts, readPrintedTexts } from './texts.ts';

/** The requested move. */
export interface MoveRequest {
  readonly schema: string;
  readonly as: string;
  readonly keep: readonly string[];
  readonly rewriteFunctions: boolean;
  readonly acceptReplication: boolean;
}

/** The state of the database before a move. */
export interface Survey {
  readonly wish: MoveRequest;
  readonly inventory: Inventory;
  readonly division: Division;
  readonly surroundings: Surroundings;
  readonly roles: readonly RoleSessions[];
  readonly mentions: Mentions;
  readonly outside: OutsideUses;
}

/** Reads everything that a move depends on, in one read-only transaction. `histories` are the tables of migration tools. */
export async function survey(
  session: Session,
  wish: MoveRequest,
  histories: ReadonlySet<string>,
): Promise<Survey> {
  const { schema, as, keep, rewriteFunctions } = wish;
  // Printing the definition of a view waits for its tables.
  await session.run(
    "START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL lock_timeout = '2s'",
  );
  const surroundings = await readSurroundings(session, schema, as);
  const inventory = await readInventory(session, schema);
  const roles = await readRoles(session, schema, as);
  const functions = await readFunctionTexts(session, schema);
  const printed = await readPrintedTexts(session, schema);
  await session.run('COMMIT');
  const division = divide(inventory, keep, histories);
  const kept = keptItems(division);
  const namesOf = (items: readonly SchemaItem[]) => new Set(items.map(({ name }) => name));
  const isHistory = ({ what }: PrintedText) =>
    [...histories].some((name) => what.endsWith(`.${name}`) || what.endsWith(`.${quoteIdentifier(name)}`));
  const rules = {
    schema,
    as,
    moved: namesOf(division.moved),
    kept: namesOf(kept),
    keptIds: new Set(kept.map(({ id }) => id)),
    rewriteFunctions,
  };
  const mentions = await findMentions(
    functions,
    printed.filter((text) => !isHistory(text)),
    rules,
  );
  const outside = await findOutsideUses(session, rules);
  return { wish, inventory, division, surroundings, roles, mentions, outside };
}

/** Why a move must not start, each with a remedy. */
export function obstaclesOf(found: Survey, histories: HistoryPlan, source: PlanSource): Obstacle[] {
  const basic = basicObstacles(found);
  // Otherwise it is unknown what would move.
  if (basic.length > 0) return basic;
  return [...standingObstacles(found), ...obstaclesOfFiles(found, source), ...histories.obstacles];
}

/** Obstacles: objects that would move although other tenants need them. */
export function obstaclesOfTenants(
  { division: { moved }, inventory: { uses } }: Survey,
  tenants: ReadonlySet<string>,
): Obstacle[] {
  const needed = uses.filter(({ schema }) => tenants.has(schema));
  const ids = new Set(needed.map(({ of }) => of));
  const names = moved.filter(({ id }) => ids.has(id)).map(({ name }) => name);
  if (names.length === 0) return [];
  return [
    {
      message: `tenants such as ${needed[0]?.schema} need ${fewAndMore(names, 5)}, which would move`,
      hint: keepHint(names),
    },
  ];
}

/** The obstacles that do not depend on the tenant's name and the histories. */
export function standingObstacles(found: Survey): Obstacle[] {
  const { division, mentions, outside } = found;
  return [
    ...division.obstacles,
    ...mentions.obstacles,
    ...outside.obstacles,
    ...obstaclesOfReplication(found),
  ];
}

function basicObstacles({ wish: { schema, as }, surroundings, division }: Survey): Obstacle[] {
  const { oid, isTaken, mayCreate, self } = surroundings;
  if (oid === null)
    return [{ message: `schema "${schema}" does not exist`, hint: 'check publicSchema in the config' }];
  if (isTaken)
    return [
      {
        message: `schema "${as}" already exists`,
        hint: 'choose another name, or drop that schema if it is empty',
      },
    ];
  if (!mayCreate)
    return [
      {
        message: 'the role may not create schemas in this database',
        hint: `grant it: grant create on database … to ${self}`,
      },
    ];
  if (division.moved.length > 0) return [];
  const hint = `create the tenant from its files: sqlmig tenant create ${as}`;
  return [{ message: `there is nothing in "${schema}" to move`, hint }];
}

/** Determines which objects only the files of one scope create. */
export function madeOnlyBy(files: Readonly<Record<Scope, readonly { readonly text: string }[]>>) {
  const made = (scope: Scope) => new Set(files[scope].flatMap(({ text }) => namesMadeBy(text)));
  const names = { public: made('public'), tenant: made('tenant') };
  return (by: Scope, { name }: SchemaItem): boolean =>
    names[by].has(name) && !names[by === 'public' ? 'tenant' : 'public'].has(name);
}

// Public files create shared objects; tenant files create objects in each tenant.
function obstaclesOfFiles({ division, wish: { schema } }: Survey, { migrations }: PlanSource): Obstacle[] {
  const isMadeOnly = madeOnlyBy(migrations);
  const moving = division.moved.filter((item) => isMadeOnly('public', item)).map(({ name }) => name);
  const staying = division.kept
    .filter(
      ({ item, because }) =>
        because !== 'history' && relationKinds.includes(item.kind) && isMadeOnly('tenant', item),
    )
    .map(({ item }) => item.name);
  return [
    ...(moving.length === 0
      ? []
      : [
          {
            message: `the files of ${schema} create ${fewAndMore(moving, 5)}, which would move`,
            hint: `${keepHint(moving)}, or move the statements to tenant files`,
          },
        ]),
    ...(staying.length === 0
      ? []
      : [
          {
            message: `the tenant files create ${fewAndMore(staying, 5)}, which would stay`,
            hint: `let it move, or move the statements to files of ${schema}`,
          },
        ]),
  ];
}

function keepHint(names: readonly string[]): string {
  return `keep what all tenants share with --keep ${names.slice(0, 3).join(',')}${names.length > 3 ? ',…' : ''}`;
}

function obstaclesOfReplication({ surroundings, wish }: Survey): Obstacle[] {
  const { publications, tablePublications, slots, subscriptions, isSuperuser } = surroundings;
  const obstacles: Obstacle[] = [];
  if (publications.length > 0 && !isSuperuser)
    obstacles.push({
      message: `publications of all tables in the schema: ${publications.join(', ')}`,
      hint: 'only a superuser can add a schema to a publication: use one',
    });
  if (wish.acceptReplication) return obstacles;
  const hint =
    'a subscriber finds tables by schema and name, and stops: prepare it, then pass --accept-replication';
  const published = [...publications, ...tablePublications];
  if (slots.length > 0 && published.length > 0)
    obstacles.push({
      message: `logical replication: slots ${slots.join(', ')} for ${published.join(', ')}`,
      hint,
    });
  if (subscriptions.length > 0)
    obstacles.push({ message: `tables are replicated into the schema by ${subscriptions.join(', ')}`, hint });
  return obstacles;
}

/** Notes that do not prevent the move, in words. */
export function notesOf({ mentions, outside, surroundings, division }: Survey): string[] {
  const { longTransactions, publications, tablePublications, slots } = surroundings;
  const published = [...publications, ...tablePublications];
  return [
    ...mentions.notes,
    ...outside.notes,
    ...division.kept
      .filter(({ because }) => because !== 'asked' && because !== 'history')
      .map(({ item, because }) => `${item.kind} ${item.name} stays, because ${because} needs it`),
    ...(published.length > 0 && slots.length === 0
      ? [`published by ${published.join(', ')}: a subscriber finds tables by schema and name`]
      : []),
    ...(longTransactions.length > 0
      ? [
          `open for more than ten seconds: backend ${longTransactions.join(', backend ')}; locks wait for them`,
        ]
      : []),
  ];
}

/** Obstacles that prevent only moving object by object; empty if it can be tried. */
export function obstaclesOfMoving({ division: { moved }, surroundings: { lockRoom } }: Survey): Obstacle[] {
  const foreign = moved.filter(({ isOwned }) => !isOwned);
  const locks = locksOfMoving(moved);
  return [
    ...(foreign.length === 0
      ? []
      : [
          {
            message: `owned by other roles: ${fewAndMore(
              foreign.map(({ kind, name, owner }) => `${kind} ${name} (${owner})`),
              5,
            )}`,
            hint: 'use a superuser, or a role that is a member of these owners',
          },
        ]),
    ...(locks <= lockRoom
      ? []
      : [
          {
            message: `moving needs about ${locks} locks at once, and the server has room for ${lockRoom}`,
            hint: 'raise max_locks_per_transaction of the server',
          },
        ]),
  ];
}

/** About how many locks moving takes: two for each relation, one for each other object. */
export function locksOfMoving(moved: readonly SchemaItem[]): number {
  const relations = moved.filter(({ kind }) => relationKinds.includes(kind) || kind === 'sequence');
  return moved.length + relations.length;
}
