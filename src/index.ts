export type { PlanOptions } from './decide/plan.ts';
export type { Settlement } from './decide/settlement.ts';
export type { Canary, MaxFailures } from './decide/stop-rule.ts';
export { type ErrorCode, exitCodes, SqlmigError } from './errors.ts';
export type { OnEvent, RunEvent } from './events.ts';
export {
  type AcceptedChecksums,
  acceptChecksums,
  type ChangedChecksum,
} from './operations/accept-checksums.ts';
export { type CreatedMigration, createMigration } from './operations/create-migration.ts';
export { type CreateTenantOptions, createTenant } from './operations/create-tenant.ts';
export { type ForgottenFiles, forgetMissing, type MissingFile } from './operations/forget-missing.ts';
export { type ListedTenant, listTenants } from './operations/list-tenants.ts';
export { killHolder, type LocksResult, locks } from './operations/locks.ts';
export { type PlanCommandOptions, plan } from './operations/plan.ts';
export { type SettledMigration, settleMigration, settleMigrations } from './operations/settle-migration.ts';
export { status } from './operations/status.ts';
export { type UpOptions, up } from './operations/up.ts';
export { verify } from './operations/verify.ts';
export { type Config, type ConfigSources, loadConfig } from './project/config.ts';
export type { Selection } from './project/selection.ts';
export type { Settings } from './project/settings.ts';
export type { IncompleteMigration } from './repair/incomplete-migration.ts';
export type { RepairedSchema } from './repair/repair.ts';
export type { SettledMigrations } from './repair/settle.ts';
export type * from './results.ts';
export type { ChangeOptions, RunOptions } from './run/run-options.ts';
export type { ReadOptions } from './state/reading.ts';
