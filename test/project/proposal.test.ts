import { expect, test } from 'vitest';
import { toolOf } from '../../src/history/foreign-history.ts';
import { type DatabaseFacts, type NameColumn, propose } from '../../src/project/proposal.ts';

const names = { publicSchema: 'public', historyTable: 'schema_migrations' };
const nothing: DatabaseFacts = { groups: [], columns: [], histories: [], own: [] };
const empty: DatabaseFacts = { ...nothing, groups: [{ tables: [], schemas: ['public'] }] };

function column(table: string, name: string, schemas: readonly string[], more: Partial<NameColumn> = {}) {
  const column = { table, column: name, tableSql: table, columnSql: name, hasNulls: false };
  return { ...column, values: schemas.length, schemas, ...more };
}
/** A database whose schemas, public aside, all have the table users. */
function alike(schemas: readonly string[], more: Partial<DatabaseFacts> = {}): DatabaseFacts {
  const groups = [
    { tables: ['plans'], schemas: ['public'] },
    { tables: ['users'], schemas },
  ];
  return { ...nothing, groups, ...more };
}
const query = (text: string) => ({ kind: 'query', query: text });
const list = (...schemas: string[]) => ({ kind: 'list', list: schemas });
const pattern = (text: string) => ({ kind: 'pattern', pattern: text });

test.for([
  ['nothing there', empty, { kind: 'history' }, 'new'],
  ['a database without public', nothing, { kind: 'history' }, 'new'],
  [
    'tables in public alone',
    { ...nothing, groups: [{ tables: ['users'], schemas: ['public'] }] },
    { kind: 'history' },
    'plan',
  ],
  ['equal schemas that share a word', alike(['tenant_a', 'tenant_b']), pattern('tenant\\_%'), 'plan'],
  ['and a digit', alike(['t-10', 't-11', 't-12']), pattern('t-%'), 'plan'],
  ['a word and numbers', alike(['shop1', 'shop22']), pattern('shop%'), 'plan'],
  ['a letter and numbers', alike(['c1', 'c2']), list('c1', 'c2'), 'plan'],
  ['nothing shared', alike(['acme', 'apex', 'globex']), list('acme', 'apex', 'globex'), 'plan'],
  ['signs that LIKE knows', alike(['a%b\\_x', 'a%b\\_y']), pattern('a\\%b\\\\\\_%'), 'plan'],
  ['one schema is no group', alike(['acme']), { kind: 'history' }, 'plan'],
  [
    'schemas without tables are no group',
    { ...empty, groups: [{ tables: [], schemas: ['a_1', 'a_2', 'public'] }] },
    { kind: 'history' },
    'new',
  ],
  [
    'the prefix of other schemas too',
    {
      ...nothing,
      groups: [
        { tables: ['users'], schemas: ['app_x', 'app_y'] },
        { tables: ['jobs'], schemas: ['app_core'] },
      ],
    },
    list('app_x', 'app_y'),
    'plan',
  ],
  [
    'a table of tenants',
    alike(['a', 'b'], { columns: [column('tenants', 'slug', ['a', 'b'])] }),
    query('select slug from tenants order by 1'),
    'plan',
  ],
  [
    'the column that names most of them',
    alike(['a', 'b', 'c'], {
      columns: [column('users', 'name', ['a', 'b']), column('sites', 'key', ['a', 'b', 'c'])],
    }),
    query('select key from sites order by 1'),
    'plan',
  ],
  [
    'a column that names few of them by chance',
    alike(['a', 'b', 'c'], { columns: [column('plans', 'name', ['a'])] }),
    list('a', 'b', 'c'),
    'plan',
  ],
  [
    'a column most of whose values are no schemas',
    alike(['a', 'b'], { columns: [column('users', 'name', ['a', 'b'], { values: 500 })] }),
    list('a', 'b'),
    'plan',
  ],
  [
    'one tenant, which the table names',
    alike(['a'], { columns: [column('tenants', 'name', ['a'])] }),
    query('select name from tenants order by 1'),
    'plan',
  ],
  [
    'public is a row of the table',
    alike(['a', 'b'], {
      columns: [column('client', 'schema_name', ['a', 'b', 'public'], { hasNulls: true })],
    }),
    query(`select schema_name from client where schema_name <> 'public' order by 1`),
    'plan',
  ],
  [
    'rows without a name',
    alike(['a', 'b'], { columns: [column('client', 'schema_name', ['a', 'b'], { hasNulls: true })] }),
    query('select schema_name from client where schema_name is not null order by 1'),
    'plan',
  ],
  [
    'names that need quotes',
    alike(['a', 'b'], {
      columns: [column('T', 'x"y', ['a', 'b'], { tableSql: '"T"', columnSql: '"x""y"' })],
    }),
    query('select "x""y" from "T" order by 1'),
    'plan',
  ],
  ['our own history', alike(['a', 'b'], { own: ['a', 'b', 'public'] }), { kind: 'history' }, 'status'],
  [
    'our own history and a table of tenants',
    alike(['a', 'b'], { own: ['a', 'b', 'public'], columns: [column('tenants', 'name', ['a', 'b'])] }),
    query('select name from tenants order by 1'),
    'status',
  ],
] as const)('%s', ([, facts, tenants, next]) => {
  expect(propose(facts, names)).toMatchObject({ tenants, next, historyTable: null });
});

test('a tool that has the usual name for its histories keeps it', () => {
  const rails = { tool: 'Rails', table: 'schema_migrations', schemas: ['public'] };
  const flyway = { tool: 'Flyway', table: 'flyway_schema_history', schemas: ['public'] };
  const of = (histories: DatabaseFacts['histories']) => propose({ ...empty, histories }, names).historyTable;
  expect([of([]), of([flyway]), of([flyway, rails])]).toEqual([null, null, 'sqlmig_migrations']);
});

test('a few schemas of the same prefix and other tables are named', () => {
  const tenants = Array.from({ length: 20 }, (_, i) => `tenant_${i}`);
  const facts = alike(tenants);
  const groups = [...facts.groups, { tables: ['old'], schemas: ['tenant_template'] }];
  expect(propose({ ...facts, groups }, names)).toMatchObject({
    tenants: pattern('tenant\\_%'),
    odd: ['tenant_template'],
  });
});

test.for([
  ['alembic_version', ['version_num character varying(32)'], 'Alembic'],
  ['schema_migrations', ['version character varying'], 'dbmate or Rails'],
  ['schema_migrations', ['x integer'], 'another tool'],
  ['migrations', ['id integer', 'migration character varying(255)', 'batch integer'], 'Laravel'],
  ['migrations', ['bird text', 'departed date'], null],
] as const)('%s with %j is the history of %s', ([table, columns, tool]) => {
  expect(toolOf(table, columns)).toBe(tool);
});
