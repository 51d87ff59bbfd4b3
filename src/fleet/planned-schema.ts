import type { PlannedSchema } from '../results.ts';
import type { Target } from '../state/target.ts';
import { detailsOf } from './outcome.ts';
import { schemaRefusal } from './schema-errors.ts';

/** The plan for a schema, or why a run would refuse the schema. */
export function plannedSchema(target: Target, database: string): PlannedSchema {
  const { schema, scope, plan: planned } = target;
  const refusal = schemaRefusal(target);
  const steps = refusal === null ? planned.steps : [];
  return {
    database,
    schema,
    scope,
    version: planned.version,
    ...(target.isUnmanaged && { unmanaged: true as const }),
    migrations: steps.map(({ version, name, file }) => ({ version, name, file })),
    ...(refusal && { error: detailsOf(refusal, target, { database }) }),
  };
}
