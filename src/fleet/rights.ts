import { SqlmigError, sqlstates } from '../errors.ts';
import type { Run } from '../run/run.ts';
import type { Session } from '../server/session.ts';
import { quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import type { Target } from '../state/target.ts';
import { hasWork } from './outcome.ts';
import { schemaRefusal } from './schema-errors.ts';

/** What looks whether the server lets a run begin in schemas (see `requireRights`), once each. */
export function createRightsCheck({
  read,
}: Pick<Run, 'read'>): (targets: readonly Target[]) => Promise<void> {
  const checked = new Set<string>();
  return async (targets) => {
    const news = targets.filter((target) => begins(target) && !checked.has(target.schema));
    if (news.length > 0) await read((session) => requireRights(session, news));
    for (const { schema } of news) checked.add(schema);
  };
}

function begins(target: Target): boolean {
  return hasWork(target) && !target.hasHistory && schemaRefusal(target) === null;
}

/**
 * Requires what a run needs to begin in schemas: CREATE on the database if one is missing, and USAGE and CREATE on
 * public if it has no history yet. Queries nothing if neither is the case.
 * @throws SqlmigError `server-refused` with the GRANT to run.
 */
async function requireRights(session: Session, begun: readonly Target[]): Promise<void> {
  const shared = begun.find(({ scope, exists }) => scope === 'public' && exists);
  const creates = begun.some(({ exists }) => !exists);
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
