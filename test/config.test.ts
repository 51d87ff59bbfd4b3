import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { SqlmigError } from '../src/errors.ts';
import { adopt, checkFiles } from '../src/index.ts';
import { type ConfigSources, loadConfig } from '../src/project/config.ts';
import type { Settings } from '../src/project/settings.ts';
import { parseConnection } from '../src/server/connection-string.ts';
import { spawnSqlmig, start } from './setup/cli.ts';
import { project } from './setup/project.ts';

const url = 'postgres://u:secret@h/db';

async function mistakes(load: Promise<unknown>): Promise<string[]> {
  const error = await load.then(
    () => null,
    (e: unknown) => e,
  );
  if (!(error instanceof SqlmigError)) throw new Error(`expected a SqlmigError, got ${String(error)}`);
  expect(error.code).toBe('config-invalid');
  return error.all.map((one) => one.message);
}

const target = (text: string) => parseConnection(text, {});

test('defaults complete an empty config', async () => {
  const { dir } = project({});
  expect(await loadConfig({ cwd: dir, env: { DATABASE_URL: url } })).toEqual({
    database: { name: null, target: target(url), directTarget: null, tenants: { kind: 'history' } },
    otherDatabases: [],
    publicDir: join(dir, 'sql/public'),
    tenantDir: join(dir, 'sql/tenant'),
    scopes: [],
    scope: null,
    recursive: false,
    versions: null,
    publicSchema: 'public',
    historyTable: 'schema_migrations',
    concurrency: null,
    outOfOrder: false,
    digest: false,
    transactionPerFile: false,
    waitMs: 0,
    poolMode: null,
    searchPath: ['tenant', 'public'],
    extensions: [],
    split: { paths: {}, keep: [], triggers: false },
    structure: { ignore: [], ignoreObjects: [] },
    lint: { off: [] },
    vars: null,
    cwd: dir,
  });
});

test('a flag beats the environment, the environment DATABASE_URL, DATABASE_URL the file', async () => {
  const { dir } = project({ url: 'postgres://file/db', concurrency: 2, historyTable: 'from_file' });
  const env = { SQLMIG_CONCURRENCY: '3', SQLMIG_HISTORY_TABLE: 'from_env', DATABASE_URL: url };
  const config = await loadConfig({ cwd: dir, env, overrides: { concurrency: 4 } });
  expect(config).toMatchObject({
    concurrency: 4,
    historyTable: 'from_env',
    database: { target: target(url) },
  });
  const targetWith = async (more: Record<string, string>, overrides = {}) =>
    (await loadConfig({ cwd: dir, env: { ...env, ...more }, overrides })).database.target;
  expect(await targetWith({ SQLMIG_URL: 'postgres://env/db' })).toEqual(target('postgres://env/db'));
  expect(await targetWith({}, { url: 'postgres://flag/db' })).toEqual(target('postgres://flag/db'));
  expect(await targetWith({ DATABASE_URL: '', PGHOST: 'no' })).toEqual(target('postgres://file/db'));
});

test('DATABASE_URL overrides url and the directUrl beside it, but not a list of databases', async () => {
  const pair = project({ url: 'postgres://file/db', directUrl: 'postgres://direct/db' });
  const env = { DATABASE_URL: url };
  const warnings: string[] = [];
  const load = (dir: string, more = {}) =>
    loadConfig({ cwd: dir, env: { ...env, ...more }, onWarning: (message) => warnings.push(message) });
  expect((await load(pair.dir)).database).toMatchObject({ target: target(url), directTarget: null });
  expect(warnings).toEqual([
    `DATABASE_URL overrides url in ${join(pair.dir, 'sqlmig.config.json')}, so directUrl there has no effect`,
  ]);
  const direct = { SQLMIG_DIRECT_URL: 'postgres://other/db' };
  expect((await load(pair.dir, direct)).database.directTarget).toEqual(target('postgres://other/db'));
  const alone = project({ directUrl: 'postgres://direct/db' });
  expect((await load(alone.dir)).database.directTarget).toEqual(target('postgres://direct/db'));
  const list = project({ databases: [{ name: 'eu', url: 'postgres://file/db' }] });
  expect((await load(list.dir)).database.target).toEqual(target('postgres://file/db'));
  expect(warnings).toHaveLength(1);
});

test('a .env is not read, and named if it has the database that is missing', async () => {
  const p = project({}, { '.env': '\uFEFFexport DATABASE_URL="postgres://u:s3cret@h/db"\n' });
  const below = join(p.dir, 'a');
  mkdirSync(below);
  await expect(loadConfig({ cwd: below, env: {} })).rejects.toMatchObject({
    code: 'no-database-url',
    details: { hint: `${join(p.dir, '.env')} contains one; to use it, pass --env-file ../.env` },
  });
  p.write({ '.env': 'OTHER=1' });
  await expect(loadConfig({ cwd: below, env: {} })).rejects.toMatchObject({
    details: { hint: expect.stringMatching(/put "url" into the config file; .*--embedded$/) },
  });
  p.remove('sqlmig.config.json');
  await expect(loadConfig({ cwd: below, env: {} })).rejects.toMatchObject({
    details: { hint: expect.stringMatching(/create a project with sqlmig init; .*--embedded$/) },
  });
});

test('the file is found upward, and its folders are relative to it', async () => {
  const { dir } = project({ url, publicDir: 'p' });
  const below = join(dir, 'a/b');
  mkdirSync(below, { recursive: true });
  const config = await loadConfig({ cwd: below, env: {} });
  expect(config).toMatchObject({ publicDir: join(dir, 'p'), cwd: below });
  expect((await loadConfig({ cwd: below, env: {}, overrides: { publicDir: 'p' } })).publicDir).toBe(
    join(below, 'p'),
  );
});

test('package.json and JavaScript are config files too; a function may give the tenants', async () => {
  const { dir, write, remove } = project({ url });
  remove('sqlmig.config.json');
  write({ 'package.json': JSON.stringify({ name: 'x', sqlmig: { url, concurrency: 5 } }) });
  expect(await loadConfig({ cwd: dir, env: {} })).toMatchObject({ concurrency: 5 });
  write({
    'sqlmig.config.mjs': `export default { url: '${url}', concurrency: 6, tenants: async () => ['a', 'b'] }`,
  });
  const config = await loadConfig({ cwd: dir, env: {} });
  expect(config.concurrency).toBe(6);
  expect(config.database.tenants.kind === 'function' && (await config.database.tenants.load())).toEqual([
    'a',
    'b',
  ]);
});

test('TypeScript is a config file where Node runs it, and else an error, as are formats that nobody reads', async () => {
  const { dir, write, remove } = project({});
  remove('sqlmig.config.json');
  write({
    'package.json': JSON.stringify({ type: 'module', sqlmig: { url, concurrency: 5 } }),
    'sqlmig.config.ts': `const concurrency: number = 7;\nexport default { url: '${url}', concurrency };\n`,
  });
  const load = () => loadConfig({ cwd: dir, env: {} });
  const { typescript = false } = process.features as { typescript?: string | false };
  if (typescript !== false) expect(await load()).toMatchObject({ concurrency: 7 });
  else
    await expect(load()).rejects.toMatchObject({
      message: `cannot read ${join(dir, 'sqlmig.config.ts')}: Node ${process.versions.node} does not run TypeScript`,
      details: { hint: 'use Node 22.18 or newer, or write the config as sqlmig.config.js' },
    });
  remove('sqlmig.config.ts');
  write({ 'sqlmig.config.toml': 'url = "x"' });
  expect(await mistakes(load())).toEqual([
    `cannot read ${join(dir, 'sqlmig.config.toml')}: sqlmig does not read .toml files`,
  ]);
});

test.for([
  ['sqlmig.config.jsonc', `// mine\n{ /* s */ "url": "${url}", "concurrency": 5, }\n`],
  [
    'sqlmig.config.json',
    `\ufeff{ "url": "${url}",\n "searchPath": ["tenant",], "concurrency": 5, // five\n}`,
  ],
  [
    'sqlmig.config.json',
    `{ "$schema": "./node_modules/sqlmig/schema/config.json", "url": "${url}", "concurrency": 5 }`,
  ],
  ['sqlmig.config.yaml', `# mine\nurl: ${url}\nconcurrency: 5\nsearchPath: [tenant]\n`],
  ['sqlmig.config.yml', `url: ${url}\nconcurrency: 5\n`],
  ['sqlmig.config.cjs', `module.exports = { url: '${url}', concurrency: 5 };`],
  ['sqlmig.config.cjs', `exports.__esModule = true; exports.default = { url: '${url}', concurrency: 5 };`],
  ['sqlmig.config.js', `module.exports = { url: '${url}', concurrency: 5 };`],
  ['sqlmig.config.js', `export default { url: '${url}', concurrency: 5 };`],
] as const)('%s: %j', async ([file, text]) => {
  const p = project({});
  p.remove('sqlmig.config.json');
  p.write({ [file]: text });
  expect(await loadConfig({ cwd: p.dir, env: {} })).toMatchObject({
    concurrency: 5,
    database: { target: target(url) },
  });
});

test.for([
  ['sqlmig.config.json', '{\n  "concurrency": 5\n  "url": "s3cret" }', 3, 3, 'a comma or } is expected'],
  ['sqlmig.config.json', '{ "concurrency": 5', 1, 19, 'a comma or } is expected, and the file ends'],
  ['sqlmig.config.json', '{\n "url": s3cret }', 2, 9, 'a value is expected'],
  ['sqlmig.config.json', '{ "url": "x", "url": "s3cret", }', 1, 15, 'the key is there twice'],
  ['sqlmig.config.jsonc', '{ /* s3cret ', 1, 3, 'the comment has no end'],
  ['sqlmig.config.yaml', 'url: x\nurl: s3cret\n', 2, 1, 'this is not valid YAML (DUPLICATE_KEY)'],
] as const)('a mistake in %s has a place: %j', async ([file, text, line, column, why]) => {
  const p = project({});
  p.remove('sqlmig.config.json');
  p.write({ [file]: text });
  const path = join(p.dir, file);
  const error = await loadConfig({ cwd: p.dir, env: { DATABASE_URL: url } }).catch((e: unknown) => e);
  if (!(error instanceof SqlmigError)) throw error;
  expect(error.details).toMatchObject({ message: `cannot read ${path}: ${why}`, file: path, line, column });
  expect(JSON.stringify(error)).not.toContain('s3cret');
  const { stderr } = await spawnSqlmig(['status'], p.dir, { DATABASE_URL: url });
  expect(stderr).toContain(`  at ${path}:${line}:${column}\n`);
  expect(stderr).not.toContain('s3cret');
});

test.for([
  ['sqlmig.config.json', '{\n  "url": "postgres://h/db",\n  "concurency": 8,\n  "wait": "s3cret"\n}'],
  ['sqlmig.config.yaml', 'url: postgres://h/db\n\n  \nconcurency: 8\nwait: s3cret\n'],
] as const)('wrong keys and values of %s have places', async ([file, text]) => {
  const p = project({});
  p.remove('sqlmig.config.json');
  p.write({ [file]: text });
  const error = await loadConfig({ cwd: p.dir, env: {} }).catch((e: unknown) => e);
  if (!(error instanceof SqlmigError)) throw error;
  const line = text.split('\n').findIndex((one) => one.includes('concurency')) + 1;
  const places = error.all.map(({ details }) => `${details.message} ${details.line}:${details.column}`);
  expect(places.sort()).toEqual([
    expect.stringMatching(new RegExp(`^"wait" in .* ${line + 1}:(11|7)$`)),
    expect.stringMatching(new RegExp(`^unknown key "concurency" in .* ${line}:(3|13|1)$`)),
  ]);
});

test('files that look like a config and are not read are named', async () => {
  const p = project({ url });
  p.write({
    'sqlmig.config.ts': '',
    'sqlmig.config.toml': '',
    '.sqlmigrc': '',
    'package.json': JSON.stringify({ sqlmig: {} }),
    'sub/sqlmig.json': '',
  });
  const warnings: string[] = [];
  const onWarning = (message: string) => warnings.push(message);
  await loadConfig({ cwd: join(p.dir, 'sub'), env: {}, onWarning });
  const named = (file: string) => `${join(p.dir, file)} looks like a config but is not read; `;
  const read = `${join(p.dir, 'sqlmig.config.json')} is`;
  expect(warnings.sort()).toEqual(
    [
      `${named('.sqlmigrc')}${read}`,
      `${named('sqlmig.config.toml')}${read}`,
      `${named('sqlmig.config.ts')}${read}`,
      expect.stringMatching(
        /sub.sqlmig\.json looks like a config but is not read; a config file is sqlmig\.config\.json/,
      ),
      `the key "sqlmig" in ${named('package.json')}${read}`,
    ].sort((a, b) => String(a).localeCompare(String(b))),
  );
});

test('all mistakes are told at once, with key and file', async () => {
  const p = project({ url });
  p.write({
    'sqlmig.config.json': JSON.stringify({
      url: 7,
      concurency: 8,
      concurrency: 0,
      tenants: { querry: 'x' },
      historyTable: 'ü'.repeat(32),
    }),
  });
  const found = await mistakes(loadConfig({ cwd: p.dir, env: {} }));
  const file = join(p.dir, 'sqlmig.config.json');
  expect(found).toHaveLength(5);
  expect(found).toContain(`unknown key "concurency" in ${file}`);
  expect(found).toContain(`"concurrency" in ${file}: must be at least 1`);
  expect(found).toContain(`"historyTable" in ${file}: must not be longer than 63 bytes`);
  expect(found.find((message) => message.startsWith('"tenants"'))).toContain('{ "query": ... }');
});

test.for([
  ['broken JSON', '{ "url": ', 'cannot read'],
  ['a list', '[]', 'holds a list'],
  ['a file in UTF-16', Buffer.from('\uFEFF{}', 'utf16le'), 'it is not UTF-8'],
] as const)('%s names the file', async ([, content, why]) => {
  const p = project({});
  writeFileSync(join(p.dir, 'sqlmig.config.json'), content);
  const [message] = await mistakes(loadConfig({ cwd: p.dir, env: { DATABASE_URL: url } }));
  expect(message?.toLowerCase()).toContain(why.toLowerCase());
  expect(message).toContain('sqlmig.config.json');
});

test.for([
  [{ databases: 'postgres://u:s3cret@h/x' }],
  [{ concurrency: 'postgres://u:s3cret@h/x' }],
  [{ 'postgres://u:s3cret@h/x': 1 }],
  ['postgres://u:s3cret@h/x'],
])('a password in the wrong place is not repeated: %j', async ([settings]) => {
  const p = project({});
  p.write({ 'sqlmig.config.json': JSON.stringify(settings) });
  expect((await mistakes(loadConfig({ cwd: p.dir, env: { DATABASE_URL: url } }))).join()).not.toContain(
    's3cret',
  );
  p.write({ 'sqlmig.config.json': 's3cret' });
  expect((await mistakes(loadConfig({ cwd: p.dir, env: { DATABASE_URL: url } }))).join()).not.toContain(
    's3cret',
  );
});

test('a bad variable is a mistake as well, and a missing database says what to do', async () => {
  const { dir } = project({});
  expect(
    await mistakes(loadConfig({ cwd: dir, env: { DATABASE_URL: url, SQLMIG_CONCURRENCY: 'many' } })),
  ).toHaveLength(1);
  await expect(loadConfig({ cwd: dir, env: {} })).rejects.toMatchObject({ code: 'no-database-url' });
  expect((await loadConfig({ cwd: dir, env: { PGHOST: 'h' } })).database.target.hosts).toEqual([
    { host: 'h', address: null, port: 5432 },
  ]);
});

test('"databases" are used all, or those that are named, and a URL replaces only one', async () => {
  const one = { name: 'eu', url, tenants: { list: ['a'] } };
  const eu = { name: 'eu', target: target(url), directTarget: null, tenants: { kind: 'list', list: ['a'] } };
  const { dir } = project({ databases: [one] });
  expect(await loadConfig({ cwd: dir, env: {} })).toMatchObject({ database: eu, otherDatabases: [] });
  const list = [one, { name: 'us', url: 'postgres://us/db', directUrl: 'postgres://direct/db' }];
  const two = project({ databases: list, tenants: { pattern: 't%' } });
  const load = (sources: ConfigSources = {}) => loadConfig({ cwd: two.dir, env: {}, ...sources });
  const us = {
    name: 'us',
    target: target('postgres://us/db'),
    directTarget: target('postgres://direct/db'),
    tenants: { kind: 'pattern', pattern: 't%' },
  };
  expect(await load()).toMatchObject({ database: eu, otherDatabases: [us] });
  expect(await load({ env: { DATABASE_URL: 'postgres://env/db' } })).toMatchObject({ database: eu });
  expect(await load({ databases: ['us'] })).toMatchObject({ database: us, otherDatabases: [] });
  expect(await load({ databases: ['us', 'eu'] })).toMatchObject({ database: eu, otherDatabases: [us] });
  const flag = { overrides: { url: 'postgres://flag/db' } };
  expect((await load({ ...flag, databases: ['eu'] })).database).toEqual({
    ...eu,
    target: target('postgres://flag/db'),
  });
  await expect(load(flag)).rejects.toMatchObject({
    code: 'bad-usage',
    message: 'the config has several databases, and a URL replaces only one',
    details: { hint: 'select the database that it is for: --database eu' },
  });
  await expect(load({ databases: ['uss'] })).rejects.toMatchObject({
    code: 'bad-usage',
    details: { message: 'the config has no database "uss"', hint: 'did you mean us?' },
  });
  const loadList = (settings: Settings) =>
    mistakes(project(settings as Parameters<typeof project>[0]).config());
  expect(await loadList({ databases: [] })).toEqual([
    expect.stringMatching(/must name at least one database/),
  ]);
  expect(await loadList({ databases: [one, one] })).toEqual([
    expect.stringMatching(/has two databases with the name "eu"/),
  ]);
  expect(await loadList({ databases: [one], url })).toEqual([
    expect.stringMatching(/cannot be combined with "url"/),
  ]);
  const bad = project({ databases: [one, { name: 'us', url: 'postgres://u@h/db?nonsense=1' }] });
  await expect(bad.config()).rejects.toMatchObject({ details: { database: 'us' } });
});

test('a command for one database says which of several to select', async () => {
  const p = project({ databases: ['eu', 'us'].map((name) => ({ name, url })) });
  await expect(adopt(await p.config())).rejects.toMatchObject({
    code: 'bad-usage',
    message: 'this needs one database, and the config has eu, us',
    details: { hint: 'select one: --database eu' },
  });
  expect(await checkFiles(await p.config())).toMatchObject({ ok: true });
  expect(await spawnSqlmig(['check', '--database', 'us'], p.dir)).toMatchObject({ code: 0 });
});

test('a config whose top-level await never settles is named, and a signal ends one that goes on', async () => {
  const p = project({}, { 'never.mjs': 'await new Promise(() => {}); export default {};' });
  expect(await spawnSqlmig(['status', '--config', 'never.mjs'], p.dir)).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(
      /^error\[config-invalid\]: .*never\.mjs: its top-level await never settles\n/,
    ),
  });
  p.write({
    'slow.mjs': `process.stderr.write('loading'); await new Promise(() => setInterval(() => {}, 1_000));`,
  });
  const run = start(['status', '--config', 'slow.mjs'], p.dir);
  run.process.stderr?.once('data', () => run.process.kill('SIGTERM'));
  const ended = await Promise.race([run.ended, delay(15_000, null)]);
  run.process.kill('SIGKILL');
  expect(ended).toMatchObject({ code: 143, stderr: expect.stringContaining('error[interrupted]') });
});

test('a parameter without effect and sslmode=no-verify are warnings, on stderr too', async () => {
  const { dir } = project({});
  const env = { DATABASE_URL: 'postgres://u:s3cret@127.0.0.1:1/db?sslmode=no-verify&search_path=x' };
  const warnings: string[] = [];
  await loadConfig({ cwd: dir, env, onWarning: (message) => warnings.push(message) });
  expect(warnings).toEqual([
    expect.stringMatching(/^sslmode=no-verify encrypts without/),
    expect.stringMatching(/^search_path in the database URL: it has no effect/),
  ]);
  const { stderr } = await spawnSqlmig(['status'], dir, env);
  for (const warning of warnings) expect(stderr).toContain(`warning: ${warning}`);
});

test.for([
  ['sqlmig.config.yaml', '? {a: s3cret}\n: 1\n', 'unknown key'],
  ['sqlmig.config.mjs', 'throw null;\n', 'it throws a value that is not an error'],
  ['sqlmig.config.mjs', 'export default { s3cret', 'hint: find the place with: node /'],
  ['sqlmig.config.mjs', "export default { get url() { throw new Error('no vault'); } }", '.mjs: no vault'],
  ['sqlmig.config.mjs', 'process.exit(0)', 'the process was ended before the command had finished'],
] as const)('%s that holds %j is a mistake, and nothing else is printed', async ([name, text, why]) => {
  const p = project({});
  p.remove('sqlmig.config.json');
  p.write({ [name]: text });
  const { code, stderr } = await spawnSqlmig(['check'], p.dir);
  expect(code).toBe(2);
  expect(stderr).toContain(why);
  expect(stderr).not.toContain('s3cret');
});
