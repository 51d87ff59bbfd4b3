// A folder with the files of all tools, and the databases that they start from.
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sqlmig } from './contestants.mjs';
import { timed } from './measure.mjs';
import { writeFiles, writePublicFiles } from './workload.mjs';

let made = 0;

/** Makes the folders of sqlmig's files, and its config. */
export function writeConfig(dir, config) {
  for (const scope of ['public', 'tenant']) mkdirSync(join(dir, 'sql', scope), { recursive: true });
  writeFileSync(join(dir, 'sqlmig.config.json'), JSON.stringify(config));
}

/** Creates a project with `files` migrations for each of its tenants, and a public schema in which nothing is pending. */
export async function createProject(server, { tenants: count, files, k }) {
  const dir = mkdtempSync(join(server.dir, 'project-'));
  const tenants = Array.from({ length: count }, (_, i) => `tenant_${i + 1}`);
  const list = join(dir, 'tenants.json');
  writeFileSync(list, JSON.stringify(tenants));
  writeConfig(join(dir, 'sqlmig'), { tenants: { list: tenants } });
  writeFiles(dir, 1, files);
  writePublicFiles(join(dir, 'sqlmig/sql/public'));
  const template = `template_${++made}`;
  await server.query('postgres', `create database ${template}`);
  await timed(sqlmig(['up', '--public']).command({ dir, url: server.url(template) }), { server });
  return { dir, tenants, list, k, template };
}

/** Creates a copy of a database with an empty schema for each tenant. */
export async function createDatabase(server, name, { template, tenants = [] }) {
  await server.query('postgres', `create database ${name} template ${template}`);
  for (let from = 0; from < tenants.length; from += 500) {
    const some = tenants.slice(from, from + 500);
    await server.query(name, some.map((tenant) => `create schema "${tenant}";`).join('\n'));
  }
  await server.query(name, 'checkpoint');
}

/** Drops a database with the sessions that are left in it. */
export const dropDatabase = (server, name) => server.query('postgres', `drop database ${name} with (force)`);

/** Works in such a database, and drops it. */
export async function inDatabase(server, project, work) {
  const name = 'measured';
  await createDatabase(server, name, project);
  const result = await work(name);
  await dropDatabase(server, name);
  return result;
}

/** Copies sqlmig's files of a project to another folder in it. */
export function copyFiles({ dir }, name) {
  cpSync(join(dir, 'sqlmig'), join(dir, name), { recursive: true });
  return join(dir, name);
}

/** Copies sqlmig's files of a project to another folder in it, and writes a snapshot of them there. */
export async function copyWithSnapshot(server, project, folder) {
  copyFiles(project, folder);
  const name = 'replayed';
  await createDatabase(server, name, { template: project.template });
  await timed(sqlmig(['snapshot'], { folder }).command({ ...project, url: server.url(name) }), { server });
  await dropDatabase(server, name);
}
