import { SqlmigError } from '../errors.ts';
import type { Attempt } from '../execute/attempt.ts';
import { createWhole, type Finish } from '../execute/create-whole.ts';
import { canShareOne } from '../protocol/transactions.ts';
import type { UnitContext } from '../protocol/unit-context.ts';
import type { Session } from '../server/session.ts';
import { inEmptySchema } from '../sql/empty-schema.ts';
import type { Script } from '../sql/migration.ts';
import type { Target } from '../state/target.ts';
import { applySchema, type SchemaWork } from './apply-schema.ts';
import { unitSchema } from './gate.ts';
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
  const apart = (): Promise<Attempt> =>
    finish === undefined ? applySchema(migrator, session, work) : Promise.resolve(cannotFinish(target));
  if (scripts === null) return apart();
  const schema = unitSchema(target, gate);
  const { context, turns } = migrator;
  const attempt = await turns.inTurn(scripts, schema, () =>
    createWhole(session, { schema, scripts, snapshot: null, context, finish }),
  );
  if (attempt.kind === 'apart' || attempt.kind === 'unloaded') return apart();
  turns.learn(attempt);
  return attempt;
}

/**
 * Creates a schema with the snapshot of the first files, and with what the others build, completely or not at all.
 * Returns `null` if it has to be built from the files, and nothing was created.
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
  if (attempt.kind === 'unloaded' || attempt.kind === 'apart') return null;
  turns.learn(attempt);
  return attempt;
}

function cannotFinish({ schema, exists }: Target): Attempt {
  const error = exists
    ? new SqlmigError('tenant-exists', `schema "${schema}" exists`, { hint: 'choose another name' })
    : new SqlmigError('not-reproducible', `the files of "${schema}" cannot run in one transaction`, {
        state: 'nothing was created',
        hint: 'create it with sqlmig tenant create, and copy its rows with pg_dump',
      });
  return { kind: 'failed', error };
}

/** The scripts as they can run in one transaction; `null` if one of them cannot. */
async function plainScripts(scripts: readonly Script[], context: UnitContext): Promise<Script[] | null> {
  const plain = await Promise.all(scripts.map(inEmptySchema));
  return plain.every((script) => script !== null) && canShareOne(plain, context) ? plain : null;
}
