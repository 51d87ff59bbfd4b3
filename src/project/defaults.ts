/** The default of each setting and option, for the config, the library and --help. */
export const defaults = {
  publicDir: 'sql/public',
  tenantDir: 'sql/tenant',
  publicSchema: 'public',
  historyTable: 'schema_migrations',
  searchPath: ['tenant', 'public'],
  waitMs: 0,
  lockTimeoutMs: 5_000,
  waitForLockMs: 15 * 60_000,
  concurrentIndexJobs: 1,
  maxFailures: 1,
  canaryTolerate: 0,
  concurrency: 4,
  concurrencyBefore17: 8,
} as const;
