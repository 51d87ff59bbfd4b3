import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { imageMissing, insideContainer, runContainer, whileRunning } from './setup/docker.ts';
import { project } from './setup/project.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(join(root, 'docs/executable.md'), 'utf8');
/** The code blocks of a section of the page, of one language. */
const blocksOf = (heading: string, language: string) => {
  const section = page.split(/^#+ /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)].flatMap(([, of, text = '']) =>
    of === language ? [text] : [],
  );
};

// What docs/executable.md builds. The base of an app is a stand-in for one of Debian.
const image = 'sqlmig';
const base = 'node:24-bookworm-slim';
const missing = imageMissing(base);
if (missing !== null) console.log(`skipped: ${missing}`);
const it = missing === null ? test : test.skip;

/** Runs a command that the page shows, in a folder, with what this machine needs in addition. */
const shell = (line: string, cwd: string, env: Record<string, string> = {}) => {
  const here = line
    .replace('docker build', `docker build -q --build-arg NODE=${base}`)
    .replace('docker run', 'docker run --network host --read-only --cap-drop ALL --memory 64m');
  return execFileSync('sh', ['-c', here], {
    cwd,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    stdio: 'pipe',
  });
};
const docker = (...args: string[]) => execFileSync('docker', args, { encoding: 'utf8', stdio: 'pipe' });

/** The folders of a package and of all that it needs, as Node finds them from another folder. */
function foldersOf(name: string, from = root, found = new Set<string>()): Set<string> {
  const places = createRequire(join(from, 'package.json')).resolve.paths(name) ?? [];
  const folder = places
    .map((place) => join(place, name))
    .find((path) => path.startsWith(root) && existsSync(path));
  if (folder === undefined || found.has(folder)) return found;
  found.add(folder);
  const { dependencies, optionalDependencies } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  );
  for (const needed of Object.keys({ ...dependencies, ...optionalDependencies }))
    foldersOf(needed, folder, found);
  return found;
}

const lines = blocksOf('The image', 'sh').flatMap((block) => block.trim().split('\n'));
const buildLines = lines.filter((line) => line.startsWith('docker build'));
const runLines = lines.filter((line) => line.startsWith('docker run'));

let context = '';
let db: TestDatabase;
beforeAll(async () => {
  if (missing !== null) return;
  db = await freshDatabase();
  context = mkdtempSync(join(tmpdir(), 'sqlmig-image-'));
  for (const part of [
    'package.json',
    'package-lock.json',
    '.npmrc',
    'rolldown.config.js',
    'tsconfig.json',
    'src',
  ])
    cpSync(join(root, part), join(context, part), { recursive: true });
  // npm ci takes longer than all tests of the image: of what it installs, the build needs these.
  const packages = [
    'rolldown',
    'rolldown-plugin-dts',
    'postject',
    'libpg-query',
    'postgres',
    'valibot',
    'yaml',
    'yargs',
  ];
  const folders = packages.flatMap((name) => [...foldersOf(name)]);
  for (const folder of [...folders, join(root, 'node_modules/.bin/rolldown')])
    cpSync(folder, join(context, relative(root, folder)), { recursive: true, verbatimSymlinks: true });
  const dockerfile = join(context, 'src/executable/Dockerfile');
  const text = readFileSync(dockerfile, 'utf8');
  const offline = text.replace('RUN npm ci --ignore-scripts', 'COPY node_modules ./node_modules');
  expect(offline).not.toBe(text);
  writeFileSync(dockerfile, offline);
  for (const line of buildLines) shell(line, context);
});
afterAll(() => {
  if (context !== '') rmSync(context, { recursive: true, force: true });
});

const settings = { tenants: { list: ['acme'] } };
const files = { 'sql/tenant/1_t.sql': 'create table t ()' };

/** Builds an image with a project's files, of the lines of a Dockerfile. */
function build(tag: string, dockerfile: string, migrations: Readonly<Record<string, string>> = files): void {
  const { dir } = project(settings, { ...migrations, Dockerfile: dockerfile });
  docker('build', '-q', '-t', tag, dir);
  onTestFinished(() => void docker('rmi', '-f', tag));
}

it('the image has less than 130 MB and no root, and runs on mounted files', async () => {
  const { Size, Config } = JSON.parse(docker('image', 'inspect', image))[0];
  expect(Size).toBeLessThan(130_000_000);
  expect(Config.User).toBe('65532:65532');
  const { dir } = project(settings, files);
  chmodSync(dir, 0o755);
  expect(runLines).toHaveLength(2);
  for (const line of runLines) shell(line, dir, { DATABASE_URL: db.url });
  expect(await db.history('acme')).toEqual({ '1': 1 });
  expect(readdirSync(join(dir, 'sql/tenant')).filter((file) => file.endsWith('add_phone.sql'))).toHaveLength(
    1,
  );
});

const copied = 'WORKDIR /app\nCOPY sqlmig.config.json ./\nCOPY sql ./sql\n';
const app = `CMD ["/bin/sh", "-c", "trap 'exit 5' TERM; echo app is up; while :; do sleep 0.1; done"]`;
// There is no image of Alpine: a userland without glibc.
const musl = `FROM ${base} AS userland\nFROM scratch\nCOPY --from=userland /bin/ /bin/\n`;

it.for([
  ['In the image of your app', `FROM ${base}\n`],
  ['Alpine', musl],
] as const)(
  '%s: the recipe migrates, then the app is process 1 and gets SIGTERM',
  async ([heading, from]) => {
    const own = await freshDatabase();
    const [recipe = ''] = blocksOf(heading, 'dockerfile');
    const tag = `sqlmig-test/recipe-${heading.length}`;
    build(tag, `${from}${recipe}${copied}${app}\n`);
    const name = `sqlmig-recipe-${process.pid}-${heading.length}`;
    const ended = runContainer(tag, name, ['-e', `DATABASE_URL=${own.url}`]);
    await whileRunning(ended, () => insideContainer('logs', name).includes('app is up'));
    expect(insideContainer('exec', name, '/bin/cat', '/proc/1/cmdline')).toMatch(/^\/bin\/sh\0/);
    docker('stop', '-t', '10', name);
    expect(await ended).toMatchObject({ code: 5 });
    expect(await own.history('acme')).toEqual({ '1': 1 });
  },
);

it('the image of only the migrations: lines of JSON, and SIGTERM cancels and rolls back', async () => {
  const own = await freshDatabase();
  const [job = ''] = blocksOf('The image', 'dockerfile');
  build('sqlmig-test/job', job, { 'sql/tenant/1_t.sql': 'create table t (); select pg_sleep(600)' });
  const name = `sqlmig-image-job-${process.pid}`;
  const ended = runContainer('sqlmig-test/job', name, ['-e', `DATABASE_URL=${own.url}`]);
  const asleep = `select 1 from pg_stat_activity where wait_event = 'PgSleep' and datname = '${own.name}'`;
  await whileRunning(ended, async () => (await own.query(asleep)).length > 0);
  docker('stop', '-t', '10', name);
  const { code, output } = await ended;
  expect({ code, output }).toMatchObject({ code: 143 });
  expect(output).toContain('"type":"run-finished"');
  expect(await own.query(`select to_regclass('acme.t') as t`)).toEqual([{ t: null }]);
});
