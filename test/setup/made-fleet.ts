import { completePlan, planSchema } from '../../src/decide/plan.ts';
import type { HistoryTimes } from '../../src/history/history-times.ts';
import type { RunRecord } from '../../src/history/run-log.ts';
import type { FleetDetails } from '../../src/operations/fleet-details.ts';
import type { Migration } from '../../src/sql/migration.ts';
import { statusOf } from '../../src/state/status.ts';
import type { Target } from '../../src/state/target.ts';

const words = ['users', 'invoices', 'lines', 'add_tax', 'plans', 'audit', 'index_email', 'settings'];
const options = completePlan({}, { outOfOrder: false });

function files(scope: 'public' | 'tenant', n: number): Migration[] {
  return Array.from({ length: n }, (_, i) => {
    const version = String(i + 1).padStart(4, '0');
    const name = words[i % words.length] ?? '';
    const file = `sql/${scope}/${version}_${name}.sql`;
    return { scope, version, name, file, text: '', checksum: `sum ${i}` } as Migration;
  });
}

function targetOf(schema: string, all: readonly Migration[], applied: readonly Migration[]): Target {
  const rows = applied.map(({ version, name, checksum }) => ({
    version: String(Number(version)),
    name,
    checksum,
    state: 'applied' as const,
    runId: 'made',
    durationMs: 0,
  }));
  return {
    schema,
    scope: all[0]?.scope ?? 'tenant',
    exists: true,
    oid: '1',
    hasHistory: true,
    mayDiscardRows: false,
    isCurrent: true,
    isUnmanaged: false,
    isEmpty: false,
    rows,
    digest: null,
    plan: planSchema(all, rows, options),
    held: false,
    trouble: null,
  };
}

const run = (n: number, outcome: Partial<RunRecord['outcome']> & object): RunRecord => ({
  runId: `0000000${n}`,
  command: 'up',
  startedAt: `2026-11-0${n}T10:00:00Z`,
  appliedBy: 'deploy (ci@runner)',
  state: outcome.ok === false ? 'failed' : 'succeeded',
  outcome: {
    ok: true,
    durationMs: 61_000,
    changed: 12,
    unchanged: 0,
    failed: 0,
    skipped: 0,
    migrations: 24,
    failedSchemas: [],
    skippedSchemas: [],
    errors: [],
    ...outcome,
  },
});

/**
 * A fleet that no server has: some tenants are behind, and every 997th has an edited file. The same for the same names and
 * number of migrations.
 */
export function madeFleet(names: readonly string[], migrations: number): FleetDetails {
  const tenantFiles = files('tenant', migrations);
  const publicFiles = files('public', 8);
  const applied = (back: number) => tenantFiles.slice(0, migrations - back);
  const edited = applied(0).map((file, i) => (i === 3 ? { ...file, checksum: 'other' } : file));
  const missing = tenantFiles.filter((_, i) => i !== 6);
  const forms = [applied(0), applied(1), applied(3), edited, missing].map((rows) =>
    targetOf('', tenantFiles, rows),
  );
  const formAt = (i: number) =>
    i % 997 === 7 ? 3 : i % 301 === 11 ? 4 : i % 89 === 3 ? 2 : i % 23 === 5 ? 1 : 0;
  const tenants = names.map((schema, i) => ({ ...(forms[formAt(i)] as Target), schema }));
  const shared = targetOf('public', publicFiles, publicFiles);
  const times = new Map(
    [shared, ...tenants].map(({ schema, rows }, i): [string, HistoryTimes] => [
      schema,
      {
        durations: rows.map((_, c) => ((i * 7919 + c * 104_729) % 97) + (c === 6 ? 1_800 : 3)),
        lastAt: 1_790_000_000 + i * 60,
      },
    ]),
  );
  const reading = {
    config: { scope: null, scopes: [] },
    database: 'shop',
    server: { host: 'db.example:5432', database: 'shop' },
    migrations: { public: publicFiles, tenant: tenantFiles },
    fleet: { public: shared, tenants, tenantsUnknown: null },
    unlisted: [],
  } as unknown as FleetDetails['reading'];
  const failed = names.slice(7, 8);
  const errors = [{ code: 'migration-failed', message: 'relation "x" already exists', count: 1 }];
  const runs = [
    run(3, { ok: false, failed: 1, failedSchemas: failed, errors }),
    run(2, {}),
    run(1, { changed: 400 }),
  ];
  return { status: statusOf(reading), reading, times, runs };
}
