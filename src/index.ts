export type { Obstacle, ToolSession } from './adopt/foreign-histories.ts';
export type { AdoptedSchema } from './adopt/import-histories.ts';
export type { HistoryImport, RefusedHistory } from './adopt/import-proposals.ts';
export type { ProposedBaseline, RefusedBaseline } from './baseline/baseline-proposals.ts';
export type { BaselineComparison } from './baseline/compare-baselines.ts';
export type { ReplayWay } from './baseline/replayed.ts';
export type { Conversion, ConvertedFile } from './convert/convert.ts';
export type { Decision } from './convert/decisions.ts';
export type { LeftOut } from './convert/layout.ts';
export type { FileOrigin } from './convert/manifest.ts';
export type * from './cost-results.ts';
export type { PlanOptions } from './decide/plan.ts';
export type { Settlement } from './decide/settlement.ts';
export type { Canary, MaxFailures } from './decide/stop-rule.ts';
export { type ErrorCode, exitCodes, SqlmigError, type SqlmigErrorContext } from './errors.ts';
export type { OnEvent, RunEvent } from './events.ts';
export type { DownLimit, DownOptions, DownPlanOptions } from './fleet/down-options.ts';
export type { UpOptions } from './fleet/up-options.ts';
export type { TimeMeaning } from './history/import/table-form.ts';
export type { SessionAtWork } from './history/read-foreign.ts';
export type { LoggedFailure, RunOutcome, RunRecord } from './history/run-log.ts';
export type { ClonedTable } from './lifecycle/clone.ts';
export type { EndedMove, EndMoveOptions, EndOfMove } from './lifecycle/end-of-move.ts';
export type { RowsOfTable } from './lifecycle/move-record.ts';
export type { DatabasePlace } from './lifecycle/move-sides.ts';
export type { MoveWay } from './move/compose.ts';
export type { KindCount, PublicContents } from './move/contents.ts';
export type { FunctionRewrite, SearchPathChange } from './move/mentions.ts';
export type { MoveMeasures } from './move/move.ts';
export type { RoleSessions } from './move/surroundings.ts';
export {
  type AcceptChecksumsOptions,
  type AcceptedChecksums,
  acceptChecksums,
} from './operations/accept-checksums.ts';
export {
  type AdoptOptions,
  type AdoptReport,
  adopt,
  type ForeignHistory,
  type HistoryMatch,
} from './operations/adopt.ts';
export {
  type AdoptBaselineOptions,
  type AdoptedBaseline,
  adoptBaseline,
  type ComparedBaseline,
} from './operations/adopt-baseline.ts';
export {
  type AdoptedFiles,
  type AdoptFilesOptions,
  adoptFiles,
  type FilesToAdopt,
} from './operations/adopt-files.ts';
export { type AdoptedHistories, type AdoptHistoryOptions, adoptHistory } from './operations/adopt-history.ts';
export {
  type AdoptedPublic,
  type AdoptPublicOptions,
  adoptPublic,
  type PublicMove,
  type StayingObject,
} from './operations/adopt-public.ts';
export { type CheckFilesOptions, checkFiles } from './operations/check-files.ts';
export { type ClonedTenant, type CloneTenantOptions, cloneTenant } from './operations/clone-tenant.ts';
export {
  type CreateDatabasesOptions,
  type CreatedDatabase,
  type CreatedDatabases,
  createDatabases,
} from './operations/create-databases.ts';
export { type CreateMigrationOptions, createMigration } from './operations/create-migration.ts';
export { type CreatedTenant, type CreateTenantOptions, createTenant } from './operations/create-tenant.ts';
export { down, planDown } from './operations/down.ts';
export {
  type DatabaseDrop,
  type DropDatabasesOptions,
  type DroppedDatabase,
  type DroppedDatabases,
  dropDatabases,
} from './operations/drop-databases.ts';
export {
  type DroppedTenant,
  type DropTenantOptions,
  dropTenant,
  type TenantDrop,
} from './operations/drop-tenant.ts';
export { finishMove } from './operations/finish-move.ts';
export {
  type FinishedSplit,
  type FinishPlan,
  type FinishSplitOptions,
  finishSplit,
} from './operations/finish-split.ts';
export {
  type ForgetMissingOptions,
  type ForgottenFiles,
  forgetMissing,
} from './operations/forget-missing.ts';
export { type ListedTenant, type ListTenantsOptions, listTenants } from './operations/list-tenants.ts';
export {
  type HolderIn,
  type KillHolderOptions,
  type KillResult,
  killHolder,
  type LocksResult,
  locks,
} from './operations/locks.ts';
export {
  type MovedTenant,
  type MoveTenantOptions,
  moveTenant,
  type TenantMove,
} from './operations/move-tenant.ts';
export { type PlanCommandOptions, plan } from './operations/plan.ts';
export {
  type NameMention,
  type RenamedTenant,
  type RenameTenantOptions,
  renameTenant,
} from './operations/rename-tenant.ts';
export { type RecordedRun, type RunsOptions, type RunsResult, runs } from './operations/runs.ts';
export { settleMigration, settleMigrations } from './operations/settle-migration.ts';
export {
  type CheckedFile,
  type CheckedKind,
  type CheckedSnapshot,
  checkSnapshot,
  type WriteSnapshotOptions,
  type WrittenFile,
  type WrittenKind,
  type WrittenSnapshot,
  writeSnapshot,
} from './operations/snapshot.ts';
export { type SplitPlan, type SplitRows, type SplitRowsOptions, splitRows } from './operations/split-rows.ts';
export { status } from './operations/status.ts';
export { type TenantExistence, type TenantExistsOptions, tenantExists } from './operations/tenant-exists.ts';
export { undoMove } from './operations/undo-move.ts';
export { up } from './operations/up.ts';
export { type VerifyOptions, verify } from './operations/verify.ts';
export { type Config, type ConfigSources, loadConfig } from './project/config.ts';
export type { DatabaseConfig } from './project/database.ts';
export type { LintSettings } from './project/lint-settings.ts';
export type { CreatedMigration } from './project/new-migration.ts';
export type { Numbering } from './project/next-version.ts';
export type { ScopeConfig, ScopeView } from './project/scopes.ts';
export type { Selection } from './project/selection.ts';
export {
  defineConfig,
  type Overrides,
  type Settings,
  type SplitPath,
  type SplitSettings,
  type TenantSettings,
} from './project/settings.ts';
export type { Ignorable, StructureSettings } from './project/structure-settings.ts';
export type { TenantSource } from './project/tenant-source.ts';
export type { Holder } from './protocol/holders.ts';
export type { AcceptedEditOptions } from './repair/accepted-edits.ts';
export type { ChangedChecksum } from './repair/changed-checksums.ts';
export type { MissingFile } from './repair/forgotten-files.ts';
export type { IncompleteMigration } from './repair/incomplete-migration.ts';
export type { RepairedSchema } from './repair/repair.ts';
export type { SettledMigrations } from './repair/settle.ts';
export type {
  SettledMigration,
  SettleMigrationOptions,
  SettleMigrationsOptions,
} from './repair/settle-selected.ts';
export type * from './results.ts';
export type { ChangeOptions, RunOptions } from './run/run-options.ts';
export type { Blocker } from './server/blockers.ts';
export type { ConnectionTarget, SslMode, TargetHost, TlsVersion } from './server/connection-string.ts';
export type { OpenConnection } from './server/open-connection.ts';
export type { SplitDifference } from './split/compare.ts';
export type { SplitSchema } from './split/copy-tenants.ts';
export type { FinishedTable } from './split/finish.ts';
export type { SplitObstacle } from './split/paths.ts';
export type { RowCounts } from './split/rows.ts';
export type { SplitTable } from './split/survey.ts';
export type { LintRule } from './sql/lint-rules.ts';
export type { ReadOptions } from './state/reading.ts';
export type { StructureDifference } from './structure/schema-differences.ts';
export type { ShapeDifference } from './structure/shape.ts';
export {
  type EmbeddedServer,
  type EmbeddedServerOptions,
  startEmbedded,
} from './testing/embedded-server.ts';
export {
  createTestTenant,
  type TestTenant,
  type TestTenantOptions,
  type TestTenants,
  type TestTenantsOptions,
  testTenants,
} from './testing/test-tenants.ts';
export type * from './verify-results.ts';
