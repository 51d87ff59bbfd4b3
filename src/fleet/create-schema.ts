import { SqlmigError } from '../errors.ts';
import type { Attempt } from '../execute/attempt.ts';
import { createKind } from '../execute/create-kind.ts';
import { createWhole, type Finish, type WholeAttempt } from '../execute/create-whole.ts';
import { canShareOne } from '../protocol/transactions.ts';
import type { UnitContext } from '../protocol/unit-context.ts';
import type { Session } from '../server/session.ts';
import { inEmptySchema } from '../sql/empty-schema.ts';
import type { Script } from '../sql/migration.ts';
import type { Target } from '../state/target.ts';
import { applySchema, type SchemaWork } from './apply-schema.ts';
import { unitSchema } from './gate.ts';
import { createGatekeeper } from './gatekeeper.ts';
import type { Migrator } from './migrator.ts';

/**
 * Creates a schema with everything that its files build, completely or not at all. If the schema exists, or if the
 * files cannot share a transaction, they are applied one by one.
 */
export async function createSchema(
  migrator: Migrator,
  session: Session,
  work: SchemaWork & { readonly finish?: Finish | undefined },
): Promise<Attempt> {
  const { target, gate, finish } = work;
  const scripts = target.exists
    ? null
    : await plainScripts(await migrator.scripts.of(target), migrator.context);
  const applyOneByOne = (): Promise<Attempt> =>
    finish === undefined ? applySchema(migrator, session, work) : Promise.resolve(cannotFinish(target));
  if (scripts === null) return applyOneByOne();
  const schema = unitSchema(target, gate);
  const { context, turns } = migrator;
  const attempt = await turns.inTurn(scripts, schema, () =>
    createWhole(session, { schema, scripts, snapshot: null, context, finish }),
  );
  if (!isAttempt(attempt)) return applyOneByOne();
  turns.learn(attempt);
  return attempt;
}

/**
 * Builds a schema that is missing or empty from the snapshot and the files after it, completely or not at all. For a kind, it
 * may complete a schema. Returns `null` if nothing was created but the history, and the schema must be built from the files.
 */
export async function createFromSnapshot(
  { snapshots, scripts: all, context, turns }: Migrator,
  session: Session,
  { target, gate }: SchemaWork,
): Promise<Attempt | null> {
  const snapshot = snapshots.of(target);
  if (snapshot === null) return null;
  const rest = { ...target, plan: { ...target.plan, steps: snapshots.rest(target) } };
  const scripts = await plainScripts(await all.of(rest), context);
  if (scripts === null) return null;
  const schema = unitSchema(target, gate);
  const attempt = await turns.inTurn(scripts, schema, () =>
    createWhole(session, { schema, scripts, snapshot, context }),
  );
  if (attempt.kind === 'unloaded') snapshots.giveUp(attempt.why);
  if (!isAttempt(attempt)) return null;
  turns.learn(attempt);
  return attempt;
}

/** False if nothing was created, and the files may be applied one by one. */
function isAttempt(attempt: WholeAttempt): attempt is Attempt {
  return attempt.kind !== 'apart' && attempt.kind !== 'occupied' && attempt.kind !== 'unloaded';
}

/** Applies files in the open transaction that has created the tenant and these other histories. */
export type KindBuild = (session: Session, createdOthers: readonly string[]) => Promise<void>;

/**
 * Prepares the files of a kind for the transaction that first applies `before` to create a tenant.
 * @throws SqlmigError `not-reproducible` if they cannot share that transaction.
 */
export async function prepareKind(
  migrator: Migrator,
  target: Target,
  before: readonly Script[],
): Promise<KindBuild> {
  const { context } = migrator;
  const scripts = await plainScripts(await migrator.scripts.of(target), context);
  if (scripts === null || !canShareOne([...before, ...scripts], context)) throw cannotShare(target);
  const gatekeeper = createGatekeeper(migrator);
  await gatekeeper.open();
  return (session, createdOthers) =>
    createKind(session, { schema: unitSchema(target, gatekeeper.gate), scripts, createdOthers }, context);
}

function cannotFinish(target: Target): Attempt {
  const { schema, exists } = target;
  const error = exists
    ? new SqlmigError('tenant-exists', `schema "${schema}" exists`, { hint: 'choose another name' })
    : cannotShare(target);
  return { kind: 'failed', error };
}

function cannotShare({ schema }: Target): SqlmigError {
  return new SqlmigError('not-reproducible', `the files of "${schema}" cannot run in one transaction`, {
    state: 'nothing was created',
    hint: 'create it with sqlmig tenant create, and copy its rows with pg_dump',
  });
}

/** The scripts in a form that can run in one transaction; `null` if one of them cannot. */
async function plainScripts(scripts: readonly Script[], context: UnitContext): Promise<Script[] | null> {
  const plain = await Promise.all(scripts.map(inEmptySchema));
  return plain.every((script) => script !== null) && canShareOne(plain, context) ? plain : null;
}
