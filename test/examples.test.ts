import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

const examples = fileURLToPath(new URL('../examples/', import.meta.url));
const files = readdirSync(join(examples, 'kubernetes'));

interface Container {
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string }[];
}
interface Pod {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly terminationGracePeriodSeconds?: number;
}

// There is no cluster here: what is ours of a manifest, the command line, is run as it stands.
test.for(files)('%s runs sqlmig with arguments that work', async (file) => {
  const db = await freshDatabase();
  const documents = parseAllDocuments(readFileSync(join(examples, 'kubernetes', file), 'utf8'));
  expect(documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([]);
  const manifests = documents.map((document) => document.toJS() as { spec: { template: { spec: Pod } } });
  const containers = manifests.flatMap(({ spec: { template } }) => [
    ...template.spec.containers,
    ...(template.spec.initContainers ?? []),
  ]);
  const ours = containers.filter(({ args }) => args?.[0] === 'up');
  expect(ours).toHaveLength(1);
  for (const { args = [], env = [] } of ours) {
    expect(env.map(({ name }) => name)).toEqual(['DATABASE_URL']);
    const p = project({ tenants: { list: ['acme'] } }, { 'sql/tenant/1_a.sql': 'create table a ()' });
    const run = await sqlmig(args, p.dir, { DATABASE_URL: db.url });
    expect(run).toMatchObject({ code: 0 });
    expect(await db.history('acme')).toEqual({ '1': 1 });
  }
});

test('compose.yaml builds what is beside it, and reaches its own database', () => {
  const compose = parse(readFileSync(join(examples, 'docker/compose.yaml'), 'utf8'));
  const { db, app } = compose.services;
  const url = new URL(app.environment.DATABASE_URL);
  expect(Object.keys(compose.services)).toContain(url.hostname);
  expect(url.password).toBe(db.environment.POSTGRES_PASSWORD);
  expect(app).toMatchObject({ build: '.', init: true, depends_on: ['db'] });
  expect(readdirSync(join(examples, 'docker'))).toContain('Dockerfile');
});

interface Job {
  /** Of GitHub. */
  readonly steps?: readonly { readonly run?: string }[];
  /** Of GitLab. */
  readonly script?: readonly string[];
}

test.for(['github', 'gitlab'])(
  'the commands of the workflow for %s work one after the other',
  async (host) => {
    const db = await freshDatabase();
    const workflow = parse(readFileSync(join(examples, host, 'migrations.yaml'), 'utf8'));
    const jobs: readonly Job[] = Object.values(host === 'github' ? workflow.jobs : workflow);
    const lines = jobs.flatMap(({ steps = [], script = [] }) => [
      ...steps.flatMap(({ run }) => run ?? []),
      ...script,
    ]);
    const ours = lines.flatMap((line) => /^npx sqlmig (.*)$/.exec(line)?.[1] ?? []);
    expect(lines.filter((line) => !line.includes('sqlmig'))).toEqual(['npm ci', 'npm ci']);
    expect(ours).toHaveLength(5);
    const p = project({ tenants: { list: ['acme'] } }, { 'sql/tenant/1_a.sql': 'create table a ()' });
    for (const line of ours) {
      const { code, stderr } = await sqlmig(line.split(' '), p.dir, { DATABASE_URL: db.url });
      expect({ line, code, stderr: code === 0 ? '' : stderr }).toEqual({ line, code: 0, stderr: '' });
    }
    expect(await db.history('acme')).toEqual({ '1': 1 });
  },
);

test('the workflow for comments writes a plan, posts it, and updates its own comment', async () => {
  const db = await freshDatabase();
  const text = readFileSync(join(examples, 'github/plan-comment.yaml'), 'utf8');
  const { jobs, permissions } = parse(text);
  const commands = (job: Job) => (job.steps ?? []).flatMap(({ run }) => run ?? []);
  expect(commands(jobs.check)).toEqual(['npm ci', 'npx sqlmig check']);
  expect(commands(jobs.plan)).toEqual([
    'npm ci',
    'npx sqlmig up --all --rehearse --sample 5 --json > rehearsal.json',
    'npx sqlmig plan --markdown --rehearsal rehearsal.json > plan.md',
  ]);
  expect(permissions).toEqual({ contents: 'read' });
  expect(jobs.comment.permissions).toEqual({ 'pull-requests': 'write' });
  // The only job that can write runs nothing of the pull request.
  expect(JSON.stringify(jobs.comment)).not.toMatch(/checkout|npm|npx/);
  const p = project({ tenants: { list: ['acme'] } }, { 'sql/tenant/1_a.sql': 'create table a ()' });
  const [, rehearse = '', write = ''] = commands(jobs.plan);
  const run = async (command: string) => {
    const [, args = '', file = ''] = /^npx sqlmig (.*) > (\S+)$/.exec(command) ?? [];
    const ended = await sqlmig(args.split(' '), p.dir, { DATABASE_URL: db.url });
    expect(ended).toMatchObject({ code: 0 });
    p.write({ [file]: ended.stdout });
    return ended;
  };
  await run(rehearse);
  const plan = await run(write);
  const [script = ''] = commands(jobs.comment);
  // In place of GitHub: what lists comments has --jq, and the marker in it is the one of the plan.
  const gh = `#!/bin/sh
case "$*" in *--jq*) printf '%s' "$IDS";; *) printf '%s ' "$@" >> calls;; esac
case "$*" in *body=@plan.md*) cat plan.md >> calls;; esac
`;
  p.write({ 'bin/gh': gh });
  chmodSync(join(p.dir, 'bin/gh'), 0o755);
  const env = { PATH: `${join(p.dir, 'bin')}:${process.env.PATH}`, COMMENTS: 'of/5', COMMENT: 'comments' };
  for (const IDS of ['', '71\n72'])
    execFileSync('bash', ['--norc', '-e', '-c', script], { cwd: p.dir, env: { ...env, IDS } });
  expect(readFileSync(join(p.dir, 'calls'), 'utf8')).toBe(
    `api --silent of/5 -F body=@plan.md ${plan.stdout}api --silent -X PATCH comments/71 -F body=@plan.md ${plan.stdout}`,
  );
  const [, marker = ''] = /startswith\("(.*?)"\)/.exec(script) ?? [];
  expect(plan.stdout.startsWith(`${marker}\n`)).toBe(true);
});
