import { createHash } from 'node:crypto';
import type { RunRecord } from '../../history/run-log.ts';
import type { AllDetails, FleetDetails } from '../../operations/fleet-details.ts';
import type { Finding, SchemaStatus } from '../../results.ts';
import { allTargets } from '../../state/fleet-state.ts';
import { findingsAlike } from '../findings.ts';
import { printable } from '../table.ts';
import { type GridData, gridData } from './grid-data.ts';
import { gridScript } from './grid-script.ts';
import { pageScript } from './page-script.ts';
import { skeleton } from './skeleton.ts';
import { pageStyle } from './style.ts';

/** A finding that many schemas may have. */
type FindingData = readonly [
  kind: string,
  scope: string,
  message: string,
  schemas: number,
  first: readonly string[],
];

/** One database, as the page's program reads it. */
interface PartData {
  readonly database: string;
  readonly host: string;
  readonly tenantsUnknown: string | null;
  readonly public: GridData;
  readonly tenants: GridData;
  readonly findings: readonly FindingData[];
  readonly runs: readonly RunRecord[];
  /** The indexes of the tenants that failed or were not started in the newest run. */
  readonly lastRun: { readonly failed: readonly number[]; readonly 'not started': readonly number[] };
}

const mostNames = 20;
const mostRuns = 20;

/**
 * A page that shows fleets: one file without references to others. It depends on nothing but the fleets and the time `at`
 * (ISO 8601, in UTC) that it shows. Whatever a text of the database contains, it is neither markup nor code: the data is
 * JSON without `<`, the program makes text nodes of it, and the policy of the page allows no other program.
 */
export function fleetPage({ status, fleets }: AllDetails, at: string): string {
  const unread = (status.databases ?? []).flatMap(({ database, error }) =>
    error === undefined ? [] : [`database ${printable(database)} was not read: ${printable(error.message)}`],
  );
  const json = JSON.stringify({ at, parts: fleets.map(partData), unread }).replaceAll('<', '\\u003c');
  const program = `'use strict';${gridScript}${pageScript}`;
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(program)}'`,
    // The program sets widths and colors of elements.
    "style-src 'unsafe-inline'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return skeleton({ policy, style: pageStyle, json, program });
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function partData({ status, reading, times, runs }: FleetDetails): PartData {
  const { fleet, unlisted, migrations } = reading;
  const covered = [...allTargets(fleet), ...unlisted];
  const shared = fleet.ofKind === true ? 0 : 1;
  const [targets, schemas] = [covered.slice(shared), status.schemas.slice(shared)];
  const alike = findingsAlike(status.schemas.flatMap((schema) => schema.findings));
  const index = new Map<Finding, number>(
    alike.flatMap((group, i) => group.map((finding) => [finding, i] as const)),
  );
  const findingsOf = (schema: SchemaStatus) => schema.findings.map((finding) => index.get(finding) ?? 0);
  const source = { times, findingsOf };
  const tenants = gridData({
    ...source,
    files: migrations.tenant,
    targets,
    schemas,
  });
  return {
    database: placeOfPart(reading),
    host: reading.server.host,
    tenantsUnknown: status.tenantsUnknown ?? null,
    public: gridData({
      ...source,
      files: migrations.public,
      targets: covered.slice(0, shared),
      schemas: status.schemas.slice(0, shared),
    }),
    tenants,
    findings: alike.map((group) => {
      const [{ kind, scope, message }] = group;
      const first = group.slice(0, mostNames).map(({ schema }) => printable(schema));
      return [kind, scope, printable(message), group.length, first];
    }),
    runs: runs.slice(0, mostRuns).map(withoutNames),
    lastRun: lastRunOf(
      runs[0],
      targets.map(({ schema }) => schema),
    ),
  };
}

/** The name of a database; with kinds of tenants, each of them is a part of its own. */
function placeOfPart({ database, config: { scope, scopes } }: FleetDetails['reading']): string {
  return scopes.length === 0 ? database : `${database}: ${scope?.name ?? 'public and tenant'}`;
}

function withoutNames(run: RunRecord): RunRecord {
  const none = { failedSchemas: [], skippedSchemas: [] };
  return { ...run, outcome: run.outcome === null ? null : { ...run.outcome, ...none } };
}

function lastRunOf(run: RunRecord | undefined, names: readonly string[]): PartData['lastRun'] {
  const at = new Map(names.map((name, i) => [name, i]));
  const indexes = (list: readonly string[] = []) => list.flatMap((name) => at.get(name) ?? []);
  return {
    failed: indexes(run?.outcome?.failedSchemas),
    'not started': indexes(run?.outcome?.skippedSchemas),
  };
}
