import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { up } from '../src/index.ts';
import { freshDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(join(root, 'docs/application.md'), 'utf8');

/** The programs of the page, by the name in their first line. */
const examples = Object.fromEntries(
  [...page.matchAll(/^```js\n\/\/ (\S+\.js)\n([\s\S]*?)^```/gm)].map(([, name = '', text = '']) => [
    name,
    text,
  ]),
);

/** Calls what the examples export, and prints what they return. */
const main = `
const told = {};
const ends = [];
const say = (error) => error.code ?? error.message;
for (const name of ['postgres-js', 'pg', 'drizzle', 'kysely', 'knex']) {
  const { addNote, sql, pool, db, knex } = await import('./' + name + '.js');
  const add = (tenant) => addNote(tenant, name).catch(say);
  told[name] = await Promise.all(['acme', 'globex', 'acme', 'nosuch'].map(add));
  ends.push(() => sql?.end() ?? pool?.end() ?? knex?.destroy() ?? db.destroy());
}
const { sql } = await import('./postgres-js.js');
const count = (rows) => (Array.isArray(rows) ? rows.length : rows);
const fastify = (await import('./fastify.js')).appOf(sql);
const overFastify = async (host) => {
  const { statusCode, body } = await fastify.inject({ url: '/notes', headers: { host } });
  return statusCode === 200 ? count(JSON.parse(body)) : statusCode;
};
told.fastify = await Promise.all(['acme.example.com', 'Globex.example.com:80', 'nosuch.example.com', 'example.com'].map(overFastify));
const verify = async (token) => {
  if (token === undefined) throw Object.assign(new Error('no token'), { status: 401 });
  return { tenant: token };
};
const server = (await import('./express.js')).appOf(sql, verify).listen(0, '127.0.0.1');
await new Promise((done) => server.once('listening', done));
const overExpress = async (authorization) => {
  const response = await fetch('http://127.0.0.1:' + server.address().port + '/notes', authorization && { headers: { authorization } });
  return response.ok ? count(await response.json()) : response.status;
};
told.express = await Promise.all(['acme', 'globex', undefined].map(overExpress));
const hono = (await import('./hono.js')).appOf(sql);
const overHono = async (path, headers) => {
  const response = await hono.request(path, { headers });
  return response.ok ? count(await response.json()) : response.status;
};
told.hono = [await overHono('/t/acme/notes'), await overHono('/notes', { 'x-tenant': 'globex' }), await overHono('/notes'), await overHono('/t/nosuch/notes')];
server.closeAllConnections();
server.close();
await fastify.close();
for (const end of ends) await end();
console.log(JSON.stringify(told));
`;

test('the examples of docs/application.md work, each tenant by itself', async () => {
  const db = await freshDatabase();
  const p = project(
    { url: db.url, tenants: { list: ['acme', 'globex'] } },
    { 'sql/tenant/1_notes.sql': 'create table notes (id serial primary key, text text not null)' },
  );
  expect(await up(await p.config(), { select: { kind: 'all', except: [] } })).toMatchObject({ ok: true });
  const modules = join(p.dir, 'node_modules');
  mkdirSync(modules);
  symlinkSync(root, join(modules, 'sqlmig'));
  const packages = ['postgres', 'pg', 'drizzle-orm', 'kysely', 'knex', 'fastify', 'express', 'hono'];
  for (const name of packages) symlinkSync(join(root, 'node_modules', name), join(modules, name));
  writeFileSync(join(p.dir, 'package.json'), '{ "type": "module" }');
  for (const [name, text] of Object.entries(examples)) writeFileSync(join(p.dir, name), text);
  writeFileSync(join(p.dir, 'main.js'), main);
  const env = { PATH: process.env.PATH, DATABASE_URL: db.url, NODE_ENV: 'test' };
  const { stdout } = await promisify(execFile)(process.execPath, ['main.js'], { cwd: p.dir, env });
  // The identifiers come from the sequence of each tenant: two notes of acme and one of globex per library.
  const ids = (n: number) => [expect.any(Number), n, expect.any(Number), 'unknown-tenant'];
  expect(JSON.parse(stdout)).toEqual({
    'postgres-js': ids(1),
    pg: ids(2),
    drizzle: ids(3),
    kysely: ids(4),
    knex: ids(5),
    fastify: [10, 5, 404, 404],
    express: [10, 5, 401],
    hono: [10, 5, 404, 404],
  });
});
