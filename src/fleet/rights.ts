import { SqlmigError, sqlstates } from '../errors.ts';
import type { Run } from '../run/run.ts';
import type { Session } from '../server/session.ts';
import { quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import type { Target } from '../state/target.ts';
import { hasWork } from './outcome.ts';
import { schemaRefusal } from './schema-errors.ts';

/** Makes a check that the role may start in schemas (see `requireRights`), once per schema. */
export function createRightsCheck({
  read,
}: Pick<Run, 'read'>): (targets: readonly Target[]) => Promise<void> {
  const checked = new Set<string>();
  return async (targets) => {
    const unchecked = targets.filter((target) => isFirstRun(target) && !checked.has(target.schema));
    if (unchecked.length > 0) await read((session) => requireRights(session, unchecked));
    for (const { schema } of unchecked) checked.add(schema);
  };
}

function isFirstRun(target: Target): boolean {
  return hasWork(target) && !target.hasHistory && schemaRefusal(target) === null;
}

/**
 * Requires the privileges for the first run in schemas: CREATE on the database if a schema is missing, and USAGE and
 * CREATE on public if it has no history. Queries nothing if neither is the case.
 * @throws SqlmigError `server-refused` with the GRANT to run.
 */
async function requireRights(session: Session, targets: readonly Target[]): Promise<void> {
  const shared = targets.find(({ scope, exists }) => scope === 'public' && exists);
  const creates = targets.some(({ exists }) => !exists);
  if (shared === undefined && !creates) return;
  const name = shared === undefined ? 'null' : quoteLiteral(quoteIdentifier(shared.schema));
  const [row] = await session.read(`select current_user::text as role, current_database()::text as database,
  has_database_privilege(current_database(), 'CREATE') as on_database,
  coalesce(has_schema_privilege(to_regnamespace(${name}), 'CREATE'), true) as creates,
  coalesce(has_schema_privilege(to_regnamespace(${name}), 'USAGE'), true) as uses`);
  if (row === undefined) throw new RangeError('one row');
  const [role, database] = [String(row.role), String(row.database)];
  const inSchema = [...(row.uses === true ? [] : ['USAGE']), ...(row.creates === true ? [] : ['CREATE'])];
  const lacking = [
    ...(shared === undefined || inSchema.length === 0
      ? []
      : [{ rights: inSchema.join(', '), on: `SCHEMA ${quoteIdentifier(shared.schema)}` }]),
    ...(creates && row.on_database !== true
      ? [{ rights: 'CREATE', on: `DATABASE ${quoteIdentifier(database)}` }]
      : []),
  ];
  if (lacking.length === 0) return;
  const what = lacking.map(
    ({ rights, on }) => `${rights} on ${on.replace(/^\w+/, (word) => word.toLowerCase())}`,
  );
  const grants = lacking.map(({ rights, on }) => `GRANT ${rights} ON ${on} TO ${quoteIdentifier(role)};`);
  throw new SqlmigError('server-refused', `role "${role}" lacks ${what.join(' and ')}`, {
    sqlstate: sqlstates.insufficientPrivilege,
    state: 'nothing was touched',
    hint: `have the owner or a superuser run: ${grants.join(' ')}`,
  });
}
