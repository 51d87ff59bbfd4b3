// The rows of shared tables go to one schema per tenant.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { limit, sqlmig } from '../contestants.mjs';
import { interleaved, timed } from '../measure.mjs';
import { dropDatabase, inDatabase, writeConfig } from '../project.mjs';
import { sent, transaction, writeScripts } from '../workload.mjs';

const projectsEach = 20;
const tasksEach = 10;

const sharedTables = (
  tenants,
) => `create table customers (id int primary key, schema_name text not null unique);
create table projects (id bigint primary key, customer_id int not null references customers, name text not null);
create index on projects (customer_id);
create table tasks (id bigint primary key, project_id bigint not null references projects, title text not null, at timestamptz not null);
create index on tasks (project_id);
insert into customers select i, 'tenant_' || i from generate_series(1, ${tenants}) i;
insert into projects select i, 1 + i % ${tenants}, 'project ' || i from generate_series(1, ${tenants * projectsEach}) i;
insert into tasks select i, 1 + i % ${tenants * projectsEach}, 'task ' || i, now() from generate_series(1, ${tenants * projectsEach * tasksEach}) i;
analyze;
`;

const tenantTables = `create table projects (id bigint primary key, name text not null);
create table tasks (id bigint primary key, project_id bigint not null references projects, title text not null, at timestamptz not null);
create index on tasks (project_id);
`;

const copyOf = (
  customer,
) => `insert into projects select id, name from public.projects where customer_id = ${customer};
insert into tasks select t.id, t.project_id, t.title, t.at from public.tasks t join public.projects p on p.id = t.project_id where p.customer_id = ${customer};
`;

const copyAlone = limit('create and copy', (turn) => {
  const messages = turn.tenants.map((tenant, i) =>
    sent(transaction(tenant, `create schema "${tenant}";\n${tenantTables}${copyOf(i + 1)}`)),
  );
  return writeScripts(turn, 'split', messages);
});

const query = 'select id, schema_name from customers';
const splitting = sqlmig(['adopt', '--split-by', 'customer_id', '--tenants-from', query, '--yes'], {
  name: 'adopt --split-by',
  folder: '.',
});

export async function split(bench) {
  const { server, rounds, k } = bench;
  const { tenants: count } = bench.size(100);
  const dir = join(server.dir, 'split');
  writeConfig(dir, { tenants: { query: 'select schema_name from customers' }, concurrency: k });
  writeFileSync(join(dir, 'sql/tenant/0001_tables.sql'), tenantTables);
  const tenants = Array.from({ length: count }, (_, i) => `tenant_${i + 1}`);
  await server.query('postgres', 'create database split_source');
  await server.query('split_source', sharedTables(count));
  const results = await interleaved([copyAlone, splitting], rounds, (contestant) =>
    inDatabase(server, { template: 'split_source' }, (name) =>
      timed(contestant.command({ dir, k, tenants, url: server.url(name) }), { server }),
    ),
  );
  bench.tell(
    `split, ${count} tenants, ${count * projectsEach * (1 + tasksEach)} rows`,
    results,
    copyAlone.name,
  );
  await dropDatabase(server, 'split_source');
}
