import type { Config } from '../config.ts';
import { newestVersion } from '../core/plan.ts';
import { tenantNameProblem } from '../core/tenant-name.ts';
import { SqlmigError } from '../errors.ts';
import { readMigrations } from '../migrations.ts';
import type { SchemaOutcome } from '../model.ts';
import { createBrake } from '../run/brake.ts';
import { lookAt } from '../run/look.ts';
import { requireFiles } from '../run/missing-files.ts';
import { withRun } from '../run/run.ts';
import { createService, publicBehind, type RunOptions, serviceOptions } from '../run/service.ts';
import { lookAtPublic } from '../run/survey.ts';

/** How `createTenant` puts up with locks, and who hears of it. */
export type CreateTenantOptions = Pick<
  RunOptions,
  'signal' | 'onEvent' | 'lockTimeoutMs' | 'waitForLockMs' | 'concurrentIndexJobs'
>;

/**
 * Creates a tenant: its schema and all tenant files, under the same locks as `up`. A schema that is there already is
 * brought up to date, so a sign-up that broke off can simply be repeated. Public must be up to date.
 * @throws SqlmigError `bad-tenant-name`, `public-behind`, `files-missing`, and as `up` does where it cannot begin.
 */
export async function createTenant(
  config: Config,
  name: string,
  options: CreateTenantOptions = {},
): Promise<SchemaOutcome> {
  const problem = tenantNameProblem(name, config.publicSchema);
  if (problem !== null) throw new SqlmigError('bad-tenant-name', problem);
  const migrations = await readMigrations(config);
  const settings = serviceOptions(options, config);
  return withRun(config, settings, async (run) => {
    const { plan } = settings;
    const shared = await run.look((_, reader) => lookAtPublic(reader, migrations, plan, config));
    const behind = newestVersion(shared.plan.steps);
    if (behind !== null) throw publicBehind(behind);
    const look = { scope: 'tenant', files: migrations.tenant, options: plan } as const;
    const targets = await run.look((_, reader) =>
      lookAt([{ schema: name, look }], { ...reader, scans: new Map() }, config.historyTable),
    );
    requireFiles([shared, ...targets], migrations, config);
    const service = createService(run, migrations, settings);
    await service.prepare(targets.flatMap((target) => target.plan.steps));
    for (let open = targets; ; ) {
      const [outcome] = await service.serve('tenant', open, createBrake());
      if (outcome === undefined) throw new RangeError('one schema gives one outcome');
      open = await service.confirm([outcome]);
      if (open.length === 0) return outcome;
    }
  });
}
