import { execFile } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { spawnSqlmig, sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { holdLock, lockObjectOf } from './setup/gate.ts';
import { numbered, project } from './setup/project.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

const url = 'postgres://u:hunter2@127.0.0.1:1/db';

// arguments, part of stderr
test.for([
  [['up'], '--all, --public or --tenants'],
  [['up', '--all', '--public'], '--all, --public and --tenants cannot be combined'],
  [['up', '--public', '--except-tenants', 'a'], '--except-tenants requires --all'],
  [['adopt', '--accept-missing'], '--accept-missing requires --history'],
  [['adopt', '--from-tool', 'knex'], '--from-tool requires --convert or --history'],
  [['adopt', '--history', '--into', 'public'], '--into cannot be combined with --history'],
  [['adopt', '--convert', 'x', '--files', 'y'], '--files cannot be combined with --convert'],
  [
    ['adopt', '--convert', 'x', '--keep', 'y', '--into', 'public'],
    '--keep and --into public cannot be combined',
  ],
  [['up', '--all', '--rehearse', '--dry-run'], '--rehearse and --dry-run cannot be combined'],
  [['up', '--dry-run'], '--all, --public or --tenants'],
  [['up', '--all', '--to', 'x'], '--to takes a version'],
  [['up', '--all', '--steps', '0'], '--steps takes a whole number'],
  [['up', '--all', '--max-failures', '200%'], '--max-failures takes'],
  [['up', '--all', '--wait-for-lock', 'soon'], '--wait-for-lock takes a duration'],
  [['up', '--al'], 'unknown flag --al'],
  [['up', 'acme'], 'sqlmig up takes no arguments, only flags'],
  [['upp'], 'did you mean sqlmig up?'],
  [['migrate'], 'did you mean sqlmig up?'],
  [['apply'], 'did you mean sqlmig up?'],
  [['info'], 'did you mean sqlmig status?'],
  [['validate'], 'did you mean sqlmig verify?'],
  [['rollback'], 'did you mean sqlmig down?'],
  [['redo'], 'there is no redo; use sqlmig down --steps 1, then sqlmig up'],
  [['tenant', 'drop'], 'tenant drop requires <name>'],
  [['constructor'], 'unknown command: constructor'],
  [['--quiet'], 'no command given'],
  [['up', '-x'], 'unknown flag -x'],
  [['up', '--all', '--to', '55'], 'no migration file has version 55'],
  [['plan', '--to', '55'], 'no migration file has version 55'],
  [['repair', '--all', '--sync'], 'unknown flag --sync'],
  [['repair', '--all', '--concurrent-index-jobs', '2'], '--concurrent-index-jobs requires --resume'],
  [['repair', 'acme', '9', '--all'], 'either a schema and a version, or --all'],
  [['adopt', '--history', '--flush-every-commit'], 'unknown flag --flush-every-commit'],
  [['locks', '--yes'], '--yes requires --kill'],
  [['migrate', '--help'], 'did you mean sqlmig up?'],
  [['help', 'upp'], 'did you mean sqlmig up?'],
  [['tenant', 'copy', '-h'], 'unknown command: tenant copy'],
  [['upp', '--all'], 'unknown command: upp'],
  [['tenant'], 'use sqlmig tenant create'],
  [['new', 'x'], 'one of --public, --tenant and --scope'],
  [['up', '--all', '--lock-timeout', 'soon'], 'run sqlmig up --help'],
  [['locks', '--kill', '0'], 'run sqlmig locks --help'],
  [['up', '--all', '--embedded', '--url', url], '--embedded and --url cannot be combined'],
  [['up', '--all', '--concurrency', '0'], 'must be at least 1'],
] as const)('%j is a usage error: exit 2', async ([args, why]) => {
  const p = project({ url });
  const { code, stderr, stdout } = await sqlmig(args, p.dir);
  expect({ code, stdout, why: stderr.includes(why) ? why : stderr }).toEqual({ code: 2, stdout: '', why });
});

test('a usage error with --json is one document on stdout', async () => {
  const p = project({ url });
  const { code, stdout } = await sqlmig(['up', '--json'], p.dir);
  expect(code).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { code: 'bad-usage' } });
});

test('a server that is not there: exit 3, and no password anywhere', async () => {
  const p = project({ url, tenants: { list: ['a'] } });
  for (const command of [
    ['up', '--all'],
    ['plan', '--json'],
    ['status', '--verbose'],
    ['tenant', 'create', 'x'],
  ]) {
    const { code, stdout, stderr } = await sqlmig(command, p.dir);
    expect(code).toBe(3);
    expect(stderr).toContain('error[connection-failed]: cannot connect to 127.0.0.1:1:');
    expect(stdout + stderr).not.toContain('hunter2');
  }
});

test('a refused login: exit 3; an impossible URL: exit 2; no password in either', async () => {
  const wrong = Object.assign(new URL(db.url), { username: 'sqlmig_nobody', password: 'hunter2' }).href;
  const refused = await sqlmig(['status'], project({ url: wrong }).dir);
  expect({ code: refused.code, stderr: refused.stderr }).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('login-refused'),
  });
  const broken = await sqlmig(['status'], project({ url: 'postgres://u:hunter2%zz@h:port/db' }).dir);
  expect(broken.code).toBe(2);
  expect(refused.stderr + broken.stderr + broken.stdout).not.toContain('hunter2');
});

test('an unknown tenant is exit 2 and names those there are', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme', 'globex'] } },
    { 'sql/public/1_a.sql': 'create table never ()' },
  );
  for (const args of [
    ['up', '--tenants', 'acmee'],
    ['up', '--all', '--except-tenants', 'acmee'],
    ['status', '--tenants', 'acmee'],
  ]) {
    const { code, stderr } = await sqlmig(args, p.dir);
    expect(code).toBe(2);
    expect(stderr).toContain('no tenant is called "acmee"');
    expect(stderr).toContain('acme, globex');
  }
  expect(await db.query(`select to_regclass('public.never') as t`)).toEqual([{ t: null }]);
});

test('selectors: public alone, public and some, all but some', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['s1', 's2', 's3'] }, historyTable: 'sel_history' },
    { 'sql/public/1_a.sql': 'create table sel ()', 'sql/tenant/1_a.sql': 'create table a ()' },
  );
  const schemas = async (...args: string[]) => {
    const { code, stdout } = await sqlmig(['up', '--json', ...args], p.dir);
    expect(code).toBe(0);
    return JSON.parse(stdout).schemas.map((s: { schema: string; state: string }) => `${s.schema} ${s.state}`);
  };
  expect(await schemas('--public')).toEqual(['public applied']);
  expect(await schemas('--tenants', 's2,s2')).toEqual(['public up-to-date', 's2 applied']);
  expect(await schemas('--all', '--except-tenants', 's1')).toEqual([
    'public up-to-date',
    's2 up-to-date',
    's3 applied',
  ]);
});

test('stdout is the answer and stderr the rest; in a pipe there is no color and no live line', async () => {
  const p = project(
    { url: db.url, tenants: { list: numbered('out', 7) }, historyTable: 'out_history' },
    { 'sql/public/1_a.sql': 'create table out_a ()', 'sql/tenant/01_a.sql': 'create table a ()' },
  );
  const first = await sqlmig(['up', '--all'], p.dir);
  expect(first.stdout).toBe(
    'scope   result   migrations   version  schemas\npublic  applied  1 migration  at 1     public\ntenant  applied  1 migration  at 01    out_1, out_2, out_3 and 4 more\n',
  );
  expect(first.stderr).toMatch(
    /^database \w+ on [\w.]+:\d+\n(?:tenant \d\/7 \(.*\)\n)*8 schemas, 8 migrations: 8 applied, 0 up to date, 0 failed \(\d+\.\d s\)\n$/,
  );
  expect(await sqlmig(['up', '--all', '--quiet'], p.dir)).toMatchObject({ code: 0, stderr: '' });
  const verbose = await sqlmig(['up', '--all', '--verbose', '--log-format', 'json'], p.dir);
  const lines = verbose.stderr
    .trim()
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
  expect(lines[0]).toMatchObject({ type: 'run-started', database: db.name, time: expect.any(String) });
  const none = await sqlmig(
    ['up', '--all'],
    project(
      { url: db.url, tenants: { list: [] }, historyTable: 'out_history' },
      { 'sql/public/1_a.sql': 'create table out_a ()' },
    ).dir,
  );
  expect(none).toMatchObject({ code: 0, stdout: expect.stringContaining('no tenants') });
});

test('every command shows its database first, and no command twice', async () => {
  const p = project({ url: db.url, historyTable: 'first_history', tenants: { list: ['first_1'] } });
  const line = new RegExp(`^database ${db.name} on \\S+$`);
  for (const command of [
    ['up', '--all'],
    ['plan'],
    ['status'],
    ['verify'],
    ['locks'],
    ['repair', '--all'],
    ['tenant', 'list'],
    ['tenant', 'create', 'first_1'],
    ['adopt'],
    ['adopt', '--history', '--all'],
    ['adopt', '--baseline', '1', '--all'],
    ['adopt', '--public-as', 'first_1'],
    ['adopt', '--split-by', 'id', '--tenants-from', 'select 1, 2'],
  ]) {
    const { stdout, stderr } = await sqlmig(command, p.dir);
    const shown = [...stderr.split('\n'), ...stdout.split('\n')].filter((text) =>
      text.startsWith('database '),
    );
    expect({ command, shown }).toEqual({ command, shown: [expect.stringMatching(line)] });
  }
  expect(await sqlmig(['verify', '--json'], p.dir)).toMatchObject({ code: 0, stderr: '' });
});

test('without a project, the folders that are missing are explained with init', async () => {
  const p = project({ url: db.url });
  rmSync(join(p.dir, 'sql'), { recursive: true });
  const configured = await sqlmig(['up', '--all'], p.dir);
  expect(configured).toMatchObject({ code: 2, stderr: expect.not.stringContaining('sqlmig init') });
  p.remove('sqlmig.config.json');
  const { code, stderr } = await sqlmig(['up', '--all', '--url', db.url], p.dir);
  expect(code).toBe(2);
  expect(stderr).toContain('hint: create a project in this folder with: sqlmig init\n');
});

test('plan names the files and touches nothing', async () => {
  const p = project(
    { url: db.url, publicSchema: 'plan_public', tenants: { list: ['plan_1', 'plan_2'] } },
    { 'sql/public/1_a.sql': '', 'sql/tenant/1_a.sql': '', 'sql/tenant/2_b.sql': '' },
  );
  const { code, stdout } = await sqlmig(['plan'], p.dir);
  expect(code).toBe(0);
  expect(stdout.slice(stdout.indexOf('\n') + 1)).toBe(
    'scope   schemas         version  pending\npublic  plan_public     empty    1 migration\n  sql/public/1_a.sql\ntenant  plan_1, plan_2  empty    2 migrations\n  sql/tenant/1_a.sql\n  sql/tenant/2_b.sql\n',
  );
  expect(await db.query(`select count(*)::int as n from pg_namespace where nspname like 'plan%'`)).toEqual([
    { n: 0 },
  ]);
});

test('up --dry-run prints what plan prints, and runs nothing', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['dry_1', 'dry_2'] }, historyTable: 'dry_history' },
    { 'sql/public/1_a.sql': 'select 1 / 0', 'sql/tenant/1_a.sql': 'create table a ()' },
  );
  for (const flags of [['--all'], ['--all', '--json'], ['--public'], ['--all', '--steps', '1']]) {
    const planned = await sqlmig(['plan', ...flags], p.dir);
    expect(planned.code).toBe(0);
    expect(await sqlmig(['up', '--dry-run', ...flags], p.dir)).toEqual(planned);
  }
  p.write({ 'sql/tenant/2_b.sql': 'selec 1' });
  const broken = await sqlmig(['up', '--all', '--dry-run'], p.dir);
  expect(broken).toEqual(await sqlmig(['plan', '--all'], p.dir));
  expect(broken.code).toBe(2);
  expect(
    await db.query(
      `select 1 from pg_namespace where nspname like 'dry%' union all select 1 from pg_class where relname = 'dry_history'`,
    ),
  ).toEqual([]);
});

test('new writes the next file and parses the others', async () => {
  const p = project({ url });
  const first = await sqlmig(['new', 'Add', 'users & roles!', '--tenant'], p.dir);
  expect(first).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^sql\/tenant\/\d{14}_Add_users_roles\.sql\n$/),
  });
  expect(existsSync(join(p.dir, first.stdout.trim()))).toBe(true);
  p.write({ 'sql/public/007_x.sql': 'select 1' });
  const second = await sqlmig(['new', 'next', '--public', '--json'], p.dir);
  expect(JSON.parse(second.stdout)).toEqual({
    ok: true,
    scope: 'public',
    version: '008',
    name: 'next',
    file: 'sql/public/008_next.sql',
  });
  expect(readFileSync(join(p.dir, 'sql/public/008_next.sql'), 'utf8')).toMatch(/^-- /);
  expect([first.stderr, second.stderr]).toEqual(['', expect.stringContaining('"versions": "time"')]);
  const byTime = await sqlmig(['new', 'timed', '--public'], p.dir, { SQLMIG_VERSIONS: 'time' });
  expect(byTime).toMatchObject({ stdout: expect.stringMatching(/\/\d{14}_timed\.sql\n$/), stderr: '' });
  p.remove(byTime.stdout.trim());
  p.write({ 'sql/public/009_x.sql': 'selec' });
  expect(await sqlmig(['new', 'more', '--public'], p.dir)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('009_x.sql:1:1'),
  });
});

test('schemas that get no migration are created, not applied', async () => {
  const tenants = { list: ['only1', 'only2'] };
  const p = project({ url: db.url, publicSchema: 'only_public', historyTable: 'only_history', tenants });
  const tried = await sqlmig(['up', '--all', '--rehearse'], p.dir);
  expect(tried.stdout).toMatch(/^tenant +would create +empty .*only1, only2$/m);
  expect(tried.stderr).toContain('0 would be applied, 1 up to date, 0 failed, 2 would be created');
  const { stdout, stderr } = await sqlmig(['up', '--all'], p.dir);
  expect(stdout).toMatch(
    /^scope +result +version +schemas\npublic +up to date +empty +only_public\ntenant +created +empty +only1, only2\n$/,
  );
  expect(stderr).toContain('0 applied, 1 up to date, 0 failed, 2 created (');
  const made = await sqlmig(['tenant', 'create', 'only3', '--unlisted'], p.dir);
  expect(made.stdout).toBe('only3  created  empty\n');
});

test('every document of --json says whether it is ok, and schemas are a list', async () => {
  const p = project({ url: db.url, historyTable: 'doc_history', tenants: { list: ['doc1'] } });
  const commands = [
    ['--version'],
    ['plan'],
    ['status'],
    ['verify'],
    ['locks'],
    ['tenant', 'list'],
    ['tenant', 'create', 'doc1'],
    ['up', '--all', '--dry-run'],
    ['upp'],
  ];
  const ran = commands.map((command) => sqlmig([...command, '--json'], p.dir));
  const empty = project({});
  rmSync(join(empty.dir, 'sqlmig.config.json'));
  for (const { code, stdout } of await Promise.all([
    ...ran,
    sqlmig(['init', '--json'], empty.dir),
    sqlmig(['new', 'x', '--tenant', '--json'], project({}).dir),
  ])) {
    const { ok, schemas = [] } = JSON.parse(stdout);
    expect({ code, ok, isList: Array.isArray(schemas) }).toEqual({ code, ok: code === 0, isList: true });
  }
});

test('tenant create makes a schema and all files, may be repeated with --if-not-exists, and waits for public', async () => {
  const p = project(
    { url: db.url, historyTable: 'tc_history', tenants: { list: [] } },
    { 'sql/public/1_a.sql': '', 'sql/tenant/1_a.sql': 'create table a ()' },
  );
  const behind = await sqlmig(['tenant', 'create', 'made'], p.dir);
  expect(behind).toMatchObject({ code: 1, stderr: expect.stringContaining('error[public-behind]') });
  await sqlmig(['up', '--public'], p.dir);
  expect(await sqlmig(['tenant', 'create', 'made', '--unlisted'], p.dir)).toMatchObject({
    code: 0,
    stdout: 'made  1 migration applied  at 1\n',
  });
  expect(await sqlmig(['tenant', 'create', 'made', '--unlisted'], p.dir)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('error[tenant-exists]'),
  });
  expect(await sqlmig(['tenant', 'create', 'made', '--unlisted', '--if-not-exists'], p.dir)).toMatchObject({
    code: 0,
    stdout: 'made  up-to-date  at 1\n',
  });
  expect(await sqlmig(['tenant', 'create', 'pg_made'], p.dir)).toMatchObject({ code: 2 });
});

test('tenant list says which schemas are still to be made', async () => {
  const p = project({ url: db.url, tenants: { list: ['listed', 'public_not'] }, historyTable: 'tl_history' });
  await db.query('create schema listed');
  expect(await sqlmig(['tenant', 'list'], p.dir)).toMatchObject({
    code: 0,
    stdout: `tenant      version        pending     listed by
listed      empty          up to date  list
public_not  no schema yet  up to date  list
`,
  });
  const same = { database: db.name, listedBy: 'list', version: null, pending: 0, findings: [] };
  expect(JSON.parse((await sqlmig(['tenant', 'list', '--json'], p.dir)).stdout)).toEqual({
    ok: true,
    version: 1,
    tenants: [
      { ...same, schema: 'listed', exists: true },
      { ...same, schema: 'public_not', exists: false },
    ],
  });
});

test('tenant list shows what stops a tenant', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['stopped'] }, historyTable: 'stopped_history' },
    {
      'sql/tenant/1_a.sql': 'create table stopped (n int); insert into stopped values (1), (1)',
      'sql/tenant/2_b.sql': 'create unique index concurrently on stopped (n)',
    },
  );
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 1 });
  const { stdout } = await sqlmig(['tenant', 'list'], p.dir);
  expect(stdout).toMatch(/^stopped +at 1 +(1 pending, )?incomplete +list$/m);
  expect(stdout).not.toContain('up to date');
});

test('a lock that nobody gives back: exit 4 and who holds it', async () => {
  await db.query('create schema held');
  const p = project(
    { url: db.url, tenants: { list: ['held'] }, historyTable: 'held_history' },
    { 'sql/tenant/1_a.sql': 'create table a ()' },
  );
  const release = await holdLock(db.url, lockObjectOf('held'), { name: 'sqlmig cafe 7 web-1' });
  const { code, stderr } = await sqlmig(['up', '--all', '--wait-for-lock', '1s'], p.dir);
  await release();
  expect(code).toBe(4);
  expect(stderr).toMatch(/held is held by run cafe at 7 on web-1 \(backend \d+, \d+ s\)/);
});

test('every command has help with examples', async () => {
  const p = project({ url });
  for (const command of [
    'up',
    'down',
    'plan',
    'status',
    'verify',
    'check',
    'new',
    'repair',
    'adopt',
    'locks',
    'tenant',
    'tenant create',
    'tenant clone',
    'tenant move',
    'tenant drop',
    'tenant rename',
    'tenant exists',
    'tenant list',
  ]) {
    const { code, stdout } = await sqlmig([...command.split(' '), '--help'], p.dir);
    expect(code).toBe(0);
    if (command !== 'tenant') expect(stdout).toContain('Examples:');
    for (const flag of ['--json', '--quiet', '--verbose', '--color', '--embedded'])
      expect(stdout).toContain(flag);
  }
  const listed = (await sqlmig(['--help'], p.dir)).stdout.match(/^ {2}sqlmig (\w+)/gm) ?? [];
  expect(listed).toEqual(
    [
      'up',
      'down',
      'plan',
      'status',
      'runs',
      'verify',
      'check',
      'init',
      'new',
      'snapshot',
      'tenant',
      'db',
      'repair',
      'adopt',
      'locks',
      'completion',
    ].map((name) => `  sqlmig ${name}`),
  );
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  for (const line of [['--version'], ['-v'], ['version']])
    expect(await sqlmig(line, p.dir)).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });
  const overview = await sqlmig([], p.dir);
  expect(overview).toMatchObject({ code: 0, stderr: '' });
  for (const line of [['-h'], ['help'], ['--help']]) expect(await sqlmig(line, p.dir)).toEqual(overview);
  const ofUp = await sqlmig(['up', '--help'], p.dir);
  for (const line of [
    ['up', '-h'],
    ['help', 'up'],
    ['--url', 'x', 'up', '--help'],
  ])
    expect(await sqlmig(line, p.dir)).toEqual(ofUp);
  expect((await sqlmig(['help', 'tenant', 'create'], p.dir)).stdout).toContain('sqlmig tenant create <name>');
});

test('a password on the command line is not repeated, and repeated flags are usage errors', async () => {
  const p = project({ url });
  const stray = await sqlmig(['up', '--all', 'postgres://u:s3cret@h/x'], p.dir);
  expect(stray.code).toBe(2);
  expect(stray.stdout + stray.stderr).not.toContain('s3cret');
  for (const [command, flag] of [
    ['up', '--max-failures'],
    ['up', '--metrics'],
    ['up', '--search-path'],
    ['status', '--search-path'],
    ['repair', '--url'],
    ['plan', '--steps'],
  ] as const) {
    const selected = command === 'status' ? [] : ['--all'];
    expect(await sqlmig([command, ...selected, flag, '1', `${flag}=2`], p.dir)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`error[bad-usage]: ${flag} is given more than once`),
    });
  }
  expect(await sqlmig(['status'], project({}).dir, { PGHOST: '127.0.0.1', PGPORT: 'abc' })).toMatchObject({
    code: 2,
  });
});

test('--log-format json: every line of stderr is JSON, errors and totals included', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['jl'] }, historyTable: 'jl_history' },
    { 'sql/tenant/1_a.sql': 'select nowhere' },
  );
  const failed = await sqlmig(['up', '--all', '--log-format', 'json'], p.dir);
  const lines = failed.stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.at(-1)).toMatchObject({ type: 'run-finished', ok: false, failed: 1, upToDate: 1 });
  expect(
    lines.find((line) => line.type === 'schema-finished' && line.outcome.state === 'failed'),
  ).toMatchObject({
    outcome: { schema: 'jl', error: { code: 'migration-failed', line: 1, column: 8 } },
  });
  const quiet = await sqlmig(['up', '--all', '--log-format', 'json', '--quiet'], p.dir);
  expect(JSON.parse(quiet.stderr)).toMatchObject({
    type: 'schema-finished',
    runId: expect.any(String),
    outcome: { schema: 'jl', state: 'failed', error: { code: 'migration-failed' } },
  });
  const bad = project({ url: db.url, tenants: { query: `select 'pg_bad'` } });
  const list = await sqlmig(['tenant', 'list', '--log-format', 'json', '--quiet'], bad.dir);
  expect(JSON.parse(list.stderr)).toMatchObject({ type: 'error', code: 'bad-tenant-name' });
  const usage = await sqlmig(['up', '--log-format', 'json'], p.dir);
  expect(JSON.parse(usage.stderr)).toMatchObject({ type: 'error', code: 'bad-usage' });
});

test('what stops a run after public is told together with what was done', async () => {
  const p = project(
    { url: db.url, tenants: { query: 'select n::int::text from told' }, historyTable: 'told_history' },
    {
      'sql/public/1_a.sql': `create table told (n text); insert into told values ('fine')`,
      'sql/tenant/1_t.sql': 'create table t ()',
    },
  );
  const { code, stdout, stderr } = await sqlmig(['up', '--all', '--json'], p.dir);
  expect(code).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({
    ok: false,
    applied: 1,
    schemas: [{ schema: 'public', state: 'applied' }],
    error: { code: 'tenants-query-failed', sqlstate: '22P02' },
  });
  expect(stderr).toContain('invalid input syntax for type integer: "fine"');
});

test('a process of its own gives what a test sees within its process', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['process_1'] }, historyTable: 'process_history' },
    { 'sql/public/1_a.sql': 'create table process_a ()', 'sql/tenant/1_a.sql': 'create table a ()' },
  );
  expect(await spawnSqlmig(['up', '--all', '--quiet'], p.dir)).toMatchObject({ code: 0, stderr: '' });
  for (const command of [
    ['help', 'up'],
    ['upp', '--json'],
    ['completion'],
    ['plan'],
    ['status', '--check'],
    ['verify', '--json'],
    ['check'],
    ['locks'],
    ['tenant', 'list'],
    ['repair', '--all'],
    ['adopt'],
    ['down', '--all', '--to', '1', '--yes', '--json', '--quiet'],
  ]) {
    const [own, spawned] = await Promise.all([sqlmig(command, p.dir), spawnSqlmig(command, p.dir)]);
    const steady = ({ stdout, ...rest }: typeof own) => ({
      ...rest,
      stdout: stdout.replace(/"(durationMs|runId)": .*/g, ''),
    });
    expect({ command, ...steady(spawned) }).toEqual({ command, ...steady(own) });
  }
});

test('npx finds the command in a checkout', async () => {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const printed = await new Promise((resolve, reject) => {
    execFile('npx', ['--no', 'sqlmig', '--version'], { cwd: root }, (error, stdout) =>
      error === null ? resolve(stdout) : reject(error),
    );
  });
  expect(printed).toMatch(/^\d+\.\d+\.\d+\n$/);
});
