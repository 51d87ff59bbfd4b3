import type { Attempt } from '../execute/attempt.ts';
import { createWhole } from '../execute/create-whole.ts';
import type { Session } from '../server/session.ts';
import { inEmptySchema } from '../sql/empty-schema.ts';
import type { Script } from '../sql/migration.ts';
import { applySchema, type SchemaWork } from './apply-schema.ts';
import { unitSchema } from './gate.ts';
import type { Migrator } from './migrator.ts';

/**
 * Creates a schema with everything that its files build, whole or not at all. A schema that exists, and files that cannot
 * share a transaction, are applied file by file.
 */
export async function createSchema(migrator: Migrator, session: Session, work: SchemaWork): Promise<Attempt> {
  const { target, gate } = work;
  const scripts = target.exists ? null : await plainScripts(await migrator.scripts.of(target));
  if (scripts === null) return applySchema(migrator, session, work);
  const schema = unitSchema(target, gate);
  const { context, turns } = migrator;
  const attempt = await turns.inTurn(scripts, schema, () =>
    createWhole(session, { schema, scripts, context }),
  );
  if (attempt.kind === 'apart') return applySchema(migrator, session, work);
  turns.learn(attempt);
  return attempt;
}

/** The scripts as they can run in one transaction; `null` if one of them cannot. */
async function plainScripts(scripts: readonly Script[]): Promise<Script[] | null> {
  const plain = await Promise.all(scripts.map(inEmptySchema));
  return plain.every((script) => script !== null) ? plain : null;
}
