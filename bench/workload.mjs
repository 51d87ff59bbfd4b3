// The workload: M files of ten kinds in rotation, and the folders in which each tool wants them.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** File n, from 1: tables with keys, checks and indexes, later changes to them, code, and data. */
export function file(n, prefix = 't') {
  const t = `${prefix}${Math.ceil(n / 10)}`;
  const kinds = [
    `create table ${t} (id bigint generated always as identity primary key, name text not null, email text check (email <> ''), at timestamptz default now(), unique (email));\ncreate index on ${t} (name);`,
    `create table ${t}_items (id bigint generated always as identity primary key, ${t}_id bigint not null references ${t} (id) on delete cascade, qty int not null check (qty > 0), note text);\ncreate index on ${t}_items (${t}_id);`,
    `create table ${t}_settings (key text primary key, value jsonb not null default '{}', changed timestamptz not null default now());`,
    `alter table ${t} add column note text;\nalter table ${t} add column amount numeric(12, 2) not null default 0;`,
    `create index on ${t} (at) where note is null;\ncreate index on ${t} (amount, at);`,
    `create function ${t}_touch() returns trigger language plpgsql as $$ begin new.at := now(); return new; end $$;\ncreate trigger touch before update on ${t} for each row execute function ${t}_touch();`,
    `create view ${t}_view as select id, name, amount from ${t} where amount >= 0;`,
    `insert into ${t} (name, email) select 'n' || i, 'e' || i from generate_series(1, 20) i;\nupdate ${t} set amount = id where amount = 0;`,
    `create type ${t}_state as enum ('new', 'paid', 'void');\ndo $$ begin if not exists (select from pg_attribute where attrelid = '${t}'::regclass and attname = 'state') then alter table ${t} add column state ${t}_state not null default 'new'; end if; end $$;`,
    `alter table ${t} alter column name set default 'nobody';\nalter table ${t} add constraint ${t}_name_short check (length(name) < 200);`,
  ];
  return `${kinds[(n - 1) % kinds.length]}\n`;
}

const name = (n) => String(n).padStart(5, '0');

/** The text of file n where every file creates a table of its own, after ten files of all kinds. */
export const newTable = (n) => file(10 * (n - 1) + 1);

/** Writes files `from` to `to` for every tool below `dir`. */
export function writeFiles(dir, from, to, textOf = file) {
  const write = (path, text) => {
    mkdirSync(join(dir, path, '..'), { recursive: true });
    writeFileSync(join(dir, path), text);
  };
  for (let n = from; n <= to; n++) {
    const text = textOf(n);
    write(`sqlmig/sql/tenant/${name(n)}_change.sql`, text);
    write(`plain/${name(n)}_change.sql`, text);
    write(`dbmate/${name(n)}_change.sql`, `-- migrate:up\n${text}\n-- migrate:down\n`);
    write(`node-pg-migrate/${name(n)}_change.sql`, `-- Up Migration\n${text}`);
    write(`postgrator/${name(n)}.do.change.sql`, text);
    write(`drizzle/${name(n)}_change.sql`, text);
  }
  const entries = Array.from({ length: to }, (_, i) => ({
    idx: i,
    version: '7',
    when: 1_700_000_000_000 + i,
    tag: `${name(i + 1)}_change`,
    breakpoints: false,
  }));
  write('drizzle/meta/_journal.json', JSON.stringify({ version: '7', dialect: 'postgresql', entries }));
}

const publicFiles = 30;

/** Writes public files for sqlmig: nine tables, and the views, functions, triggers, types and rows that belong to them. */
export function writePublicFiles(folder) {
  mkdirSync(folder, { recursive: true });
  for (let n = 1; n <= publicFiles; n++)
    writeFileSync(join(folder, `${name(n)}_change.sql`), file(n, 'shared'));
}

/** A transaction in a tenant, as part of a message for psql: only a plain semicolon sends what is before it. */
export const transaction = (tenant, text) =>
  `begin;\nset local search_path = "${tenant}", public;\n${text}commit;\n`.replace(/;\n/g, '\\;\n');

/** Ends a message for psql, whose last semicolon sends it. */
export const sent = (message) => message.replace(/\\;\n$/, ';\n');

/** Writes scripts for psql, one a connection, and gives their paths; `messages` are shared out. */
export function writeScripts({ dir, k }, kind, messages) {
  const share = Array.from({ length: k }, () => []);
  for (const [i, message] of messages.entries()) share[i % k].push(message);
  return share.map((own, i) => {
    const path = join(dir, `limit-${kind}-${i}.sql`);
    writeFileSync(path, own.join(''));
    return path;
  });
}

/** Scripts that do what the server has to do at least, a message a tenant. `whole`: one transaction a tenant. */
export const limitScripts = (whole) => (turn) => {
  const { tenants, from, to, textOf = file } = turn;
  const texts = Array.from({ length: to - from + 1 }, (_, i) => textOf(from + i));
  const units = whole ? [texts.join('')] : texts;
  const messages = tenants.map((tenant) => sent(units.map((text) => transaction(tenant, text)).join('')));
  return writeScripts(turn, whole ? 'tenant' : 'file', messages);
};

/** Writes one file with tables that have a key, an index, a check and a foreign key to the table before. */
export function writeTables(dir, count) {
  const tables = Array.from({ length: count }, (_, i) => {
    const parent = i === 0 ? '' : `, parent_id bigint references t${i - 1}`;
    return `create table t${i} (id bigint generated always as identity primary key, name text not null, amount numeric(12, 2) not null default 0 check (amount >= 0), at timestamptz not null default now()${parent});\ncreate index t${i}_name on t${i} (lower(name));\n`;
  });
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, '00001_tables.sql'), tables.join(''));
}
