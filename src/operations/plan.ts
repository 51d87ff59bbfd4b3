import type { Config } from '../config.ts';
import { completePlan, type PlanOptions } from '../core/plan.ts';
import { allFiles, parseMigrations } from '../migrations.ts';
import type { PlanResult } from '../model.ts';
import { type InspectOptions, inspect, surveyed } from '../run/inspect.ts';
import { detailsOf, refusalOf } from '../run/outcome.ts';

/** What `plan` is for and how far the `up` it foretells would go. */
export interface PlanCommandOptions extends InspectOptions, Partial<PlanOptions> {}

/**
 * What `up` would do, touching nothing; `ok` is false where it would refuse a schema. All files are parsed.
 * @throws SqlmigError as `up` does where it cannot begin.
 */
export async function plan(config: Config, options: PlanCommandOptions = {}): Promise<PlanResult> {
  const settings = completePlan(options, config);
  const inspection = await inspect(config, options, settings, (migrations) =>
    parseMigrations(allFiles(migrations), migrations),
  );
  const { database, survey } = inspection;
  const schemas = surveyed(inspection).map((target) => {
    const refusal = refusalOf(target);
    return {
      database,
      schema: target.schema,
      scope: target.scope,
      version: target.plan.version,
      migrations:
        refusal === null ? target.plan.steps.map(({ version, name, file }) => ({ version, name, file })) : [],
      ...(refusal && { error: detailsOf(refusal, target, database) }),
    };
  });
  return {
    ok: schemas.every((schema) => !('error' in schema)),
    schemas,
    ...(survey.tenantsUnknown !== null && { tenantsUnknown: survey.tenantsUnknown }),
  };
}
