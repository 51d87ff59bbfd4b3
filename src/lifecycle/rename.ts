import { unitStates } from '../errors.ts';
import { type Attempt, attemptOf } from '../execute/attempt.ts';
import { unitSchema } from '../fleet/gate.ts';
import type { MigrationRun } from '../fleet/migrator.ts';
import { nameKey } from '../protocol/keys.ts';
import { schemaReplaced } from '../protocol/unit-checks.ts';
import type { UnitContext, UnitSchema } from '../protocol/unit-context.ts';
import { takeLocks } from '../protocol/unit-locks.ts';
import { begin } from '../protocol/unit-settings.ts';
import { errorOfRepair, repairSchemas } from '../repair/repair.ts';
import type { ErrorDetails } from '../results.ts';
import { unitContext } from '../run/context.ts';
import { splitTableName } from '../split/record.ts';
import { schemaOid } from '../sql/catalog-sql.ts';
import { doBlock, quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import type { Target } from '../state/target.ts';

/** Renames a schema in one transaction, under its key and the key of the new name. Returns `null` on success. */
export async function renameTenantSchema(
  work: MigrationRun,
  target: Target,
  to: string,
): Promise<ErrorDetails | null> {
  const { run, settings } = work;
  const context = unitContext(run, { ...settings, sync: true });
  let renamed = false;
  const outcomes = await repairSchemas(work, [target], {
    hasWork: ({ exists }) => exists && !renamed,
    openSession: () => run.openSession(),
    async attempt(session, now): Promise<Attempt> {
      const schema = unitSchema(now, null);
      try {
        await session.run(composeRename(schema, to, context));
        renamed = true;
        return { kind: 'done', applied: [] };
      } catch (error) {
        return attemptOf(error, { schema, context });
      }
    },
  });
  // The connection may have been lost after the commit.
  const isNow = async () => {
    const [row] = await run.read((session) => session.read(`select ${schemaOid(to)}::text as oid`));
    return row?.oid === target.oid;
  };
  return renamed || (await isNow()) ? null : errorOfRepair(outcomes);
}

function composeRename(schema: UnitSchema, to: string, context: UnitContext): string {
  const locks = takeLocks(schema, context, {
    activity: 'rename',
    checks: [
      schemaReplaced(schema),
      [`not pg_try_advisory_xact_lock(${nameKey(to)})`, unitStates.schemaBusy],
    ],
  });
  const split = splitTableName(context.publicSchema);
  // A split recognizes a tenant by the name and the OID of its schema.
  const follow = doBlock(`begin
  if to_regclass(${quoteLiteral(split)}) is not null then
    update ${split} set schema = ${quoteLiteral(to)} where schema_oid = ${quoteLiteral(schema.oid ?? '0')}::oid;
  end if;
end`);
  return `${begin(context)}${locks}ALTER SCHEMA ${quoteIdentifier(schema.schema)} RENAME TO ${quoteIdentifier(to)};\n${follow}COMMIT;\n`;
}
