import type { Obstacle } from '../adopt/foreign-histories.ts';
import { isServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import { isOrdinarySchema } from '../sql/catalog-sql.ts';
import { lineOf, type Mention, mentionsOf } from '../sql/qualifiers.ts';
import { quoteLiteral } from '../sql/quote.ts';
import type { MentionRules } from './mentions.ts';

/** Uses of the schema that are not in definitions of objects of the database. */
export interface OutsideUses {
  readonly obstacles: readonly Obstacle[];
  /** What may break, in words. */
  readonly notes: readonly string[];
}

const mostStatements = 3;

/** Finds uses of a schema's name in recorded statements, in scheduled jobs and in options of foreign tables. */
export async function findOutsideUses(session: Session, rules: MentionRules): Promise<OutsideUses> {
  const jobs = await jobUses(session, rules);
  return {
    obstacles: jobs.obstacles,
    notes: [
      ...jobs.notes,
      ...(await statementNotes(session, rules)),
      ...(await foreignTableNotes(session, rules)),
    ],
  };
}

const ofMoved = async (text: string, { schema, moved }: MentionRules): Promise<Mention[]> =>
  (await mentionsOf(text, schema)).filter(({ name }) => name !== null && moved.has(name));

/** Notes about statements in pg_stat_statements, if it is installed and may be read. */
async function statementNotes(session: Session, rules: MentionRules): Promise<string[]> {
  const [extension] = await session.read(
    `select quote_ident(n.nspname) as schema from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_stat_statements'`,
  );
  if (extension === undefined) return [];
  const statements = `${extension.schema}.pg_stat_statements`;
  const rows = await readIfPossible(
    session,
    `select s.query, sum(s.calls)::int8::text as calls, coalesce(string_agg(distinct r.rolname, ', ' order by r.rolname), '') as roles,
  s.query = '<insufficient privilege>' as hidden
from ${statements} s left join pg_roles r on r.oid = s.userid
where s.dbid = (select oid from pg_database where datname = current_database())
  and (strpos(lower(s.query), lower(${quoteLiteral(rules.schema)})) > 0 or s.query = '<insufficient privilege>')
group by s.query order by sum(s.calls) desc`,
  );
  if (rows === null) return [];
  const found: string[] = [];
  for (const { query, calls, roles } of rows) {
    const [mention] = await ofMoved(String(query), rules);
    if (mention !== undefined)
      found.push(
        `${lineOf(String(query), mention.line)} (${roles}, ${calls} ${calls === '1' ? 'call' : 'calls'})`,
      );
  }
  const isOne = found.length === 1;
  const more = found.length > mostStatements ? `; and ${found.length - mostStatements} more` : '';
  const examples = `${found.slice(0, mostStatements).join('; ')}${more}`;
  return [
    ...(found.length === 0
      ? []
      : [
          `pg_stat_statements has ${isOne ? '1 statement that names' : `${found.length} statements that name`} ${rules.schema} before what moves, and would fail: ${examples}; remove "${rules.schema}." from ${isOne ? 'it' : 'them'}`,
        ]),
    ...(rows.some(({ hidden }) => hidden === true)
      ? ['pg_stat_statements hides statements of other roles: grant pg_read_all_stats to see them']
      : []),
  ];
}

/** Uses in the pg_cron jobs of this database, if pg_cron is installed and its table may be read. */
async function jobUses(session: Session, rules: MentionRules): Promise<OutsideUses> {
  const [table] = await session.read(`select to_regclass('cron.job') is not null as there`);
  if (table?.there !== true) return { obstacles: [], notes: [] };
  const jobs = await readIfPossible(
    session,
    `select jobid::text as id, command, username, active, to_jsonb(j) ->> 'jobname' as name
from cron.job j where database = current_database() order by jobid`,
  );
  const [obstacles, notes]: [Obstacle[], string[]] = [[], []];
  for (const { id, command, username, active, name } of jobs ?? []) {
    const [mention] = await ofMoved(String(command), rules);
    if (mention === undefined) continue;
    const label = name === null ? '' : ` (${name})`;
    const message = `pg_cron job ${id}${label} of ${username} names ${rules.schema}: line ${mention.line}: ${lineOf(String(command), mention.line)}`;
    if (active !== true) notes.push(`${message}; it is not active`);
    else
      obstacles.push({
        message,
        hint: `select cron.alter_job(${id}, command := …) without "${rules.schema}.", and let ${username} search ${rules.as}, ${rules.schema}`,
      });
  }
  return { obstacles, notes };
}

/** Notes about foreign tables that read a schema of this name, perhaps in this database. */
async function foreignTableNotes(session: Session, { schema, as, moved }: MentionRules): Promise<string[]> {
  const rows = await session.read(`select c.oid::regclass::text as name, s.srvname as server, o.remote
from pg_foreign_table f join pg_class c on c.oid = f.ftrelid join pg_namespace n on n.oid = c.relnamespace
join pg_foreign_server s on s.oid = f.ftserver,
lateral (select max(option_value) filter (where option_name = 'schema_name') as schema,
    coalesce(max(option_value) filter (where option_name = 'table_name'), c.relname) as remote from pg_options_to_table(f.ftoptions)) o,
lateral (select max(option_value) filter (where option_name = 'dbname') as dbname from pg_options_to_table(s.srvoptions)) d
where ${isOrdinarySchema} and o.schema = ${quoteLiteral(schema)} and coalesce(d.dbname = current_database(), true) order by 1`);
  return rows
    .filter(({ remote }) => moved.has(String(remote)))
    .map(
      ({ name, server }) =>
        `foreign table ${name} reads schema ${schema} by name; if server ${server} is this database, run after the move: alter foreign table ${name} options (set schema_name ${quoteLiteral(as)})`,
    );
}

/** Rows of a query; `null` if the server refuses it. */
async function readIfPossible(session: Session, query: string) {
  try {
    return await session.read(`SET LOCAL lock_timeout = '2s';\n${query}`);
  } catch (error) {
    if (isServerError(error)) return null;
    throw error;
  }
}
