import { describe, expect, test, vi } from 'vitest';
import { sqlmig } from '../setup/cli.ts';
import { emptiedDatabase, inputFiles, titleOf } from '../setup/histories.ts';
import { project } from '../setup/project.ts';
import { installed } from './install.ts';
import { placeRunners, startTool, type ToolEnd, toolFolder, writeInto } from './tool-run.ts';
import { type Step, type Tool, tools } from './tools.ts';

const { db, session: other } = await emptiedDatabase();
// Neither UTC nor the zone that the tools run in.
await db.query(`alter database ${db.name} set timezone = 'Asia/Tokyo'`);

const five = inputFiles((name) => name).map(
  ({ path, text }, i): Step => ({ nth: i + 1, version: path.slice(0, 14), title: titleOf(path), text }),
);
const step = (nth: number, text: string): Step => ({
  nth,
  version: `2025010${nth}000000`,
  title: `step_${nth}`,
  text,
});
const gate = 4711;
const inFolder = (folder: string, files: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text]));

/** Every table of the database with a digest of its rows. */
async function picture(): Promise<Record<string, string>> {
  const tables = await db.query(
    `select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where relkind in ('r', 'v') and nspname !~ '^(pg_|information_schema)' order by 1`,
  );
  const digests = tables.map(
    ({ name }) =>
      `select '${name}' as name, md5(string_agg(t::text, ',' order by t::text)) as rows from ${name} t`,
  );
  const rows = await db.query(digests.join(' union all '));
  return Object.fromEntries(rows.map((row) => [String(row.name), String(row.rows)]));
}

function stage(tool: Tool, dir: string, schemas: readonly string[]) {
  const files = toolFolder(tool.layout(five));
  const isTenant = schemas[0] !== 'public';
  const folder = isTenant ? 'sql/tenant' : 'sql/public';
  const p = project(
    { url: db.url, tenants: { list: isTenant ? schemas : [] } },
    inFolder(folder, tool.ours(five)),
  );
  const place = (schema: string) => ({ url: db.url, tool: dir, dir: files, schema });
  const run = async (): Promise<ToolEnd[]> => {
    const ends: ToolEnd[] = [];
    for (const schema of schemas) ends.push(await startTool(tool, place(schema)).ended);
    return ends;
  };
  return {
    p,
    run,
    start: (schema: string) => startTool(tool, place(schema)),
    toolWrites: (steps: readonly Step[]) => writeInto(files, tool.layout(steps)),
    weWrite: (steps: readonly Step[]) => p.write(inFolder(folder, tool.ours(steps))),
    files,
    async create() {
      if (isTenant) await db.query(schemas.map((schema) => `create schema ${schema};`).join(''));
    },
    async report(args: readonly string[] = []) {
      const { code, stdout, stderr } = await sqlmig(['adopt', '--json', ...args], p.dir);
      expect(stderr).toBe('');
      return {
        code,
        ...(JSON.parse(stdout) as { histories: Record<string, unknown>[]; sessions: unknown[] }),
      };
    },
  };
}

type Stage = ReturnType<typeof stage>;
const patience = { timeout: 120_000, interval: 50 };
const importing = ['adopt', '--history', '--all', '--yes'];
const ok = (ends: readonly ToolEnd[]) => {
  for (const { code, output } of ends) expect([code, output]).toEqual([0, expect.anything()]);
};
const migrationsOf = (up: { stdout: string }) =>
  (JSON.parse(up.stdout) as { schemas: { migrations: { name: string }[] }[] }).schemas.map(({ migrations }) =>
    migrations.map(({ name }) => name),
  );
const withoutRow = (histories: readonly Record<string, unknown>[]) =>
  (histories[0]?.match as { withoutRow: string[] } | null)?.withoutRow;

for (const tool of tools) {
  const install = await installed(tool);
  if ('skipped' in install) {
    test(`${tool.name}: skipped: ${install.skipped}`, (context) => context.skip(install.skipped));
    continue;
  }
  const { dir } = install;
  placeRunners(dir);
  const places = [['public'], ...(tool.perSchema ? [['acme', 'globex', 'initech']] : [])];
  const [ownSchema, ownTable = ''] = tool.table.includes('.') ? tool.table.split('.') : [null, tool.table];
  const sixth = async () => (await db.query("select to_regclass('sixth') as sixth"))[0]?.sixth !== null;

  describe(`${tool.name} ${Object.values(tool.packages)[0]}`, () => {
    test.for(places.map((schemas) => ({ schemas })))('is taken over in $schemas', async ({ schemas }) => {
      const at = stage(tool, dir, schemas);
      await at.create();
      const started = Date.now();
      ok(await at.run());
      const expected = {
        table: ownTable,
        tool: tool.found,
        refused: null,
        match: {
          applied: 5,
          equal: tool.checked ? 5 : 0,
          ...{ changed: [], withoutFile: [], withoutRow: [], skipped: [] },
          time: tool.time,
        },
      };
      for (const args of [[], ['--files', at.files]]) {
        const { code, histories, sessions } = await at.report(args);
        expect(histories).toMatchObject(
          schemas.map((schema) => ({
            ...expected,
            schema: schema === 'public' ? (ownSchema ?? schema) : schema,
          })),
        );
        expect([code, sessions]).toEqual([0, []]);
      }
      const { code, stdout, stderr } = await sqlmig(importing, at.p.dir);
      expect([code, stdout, stderr]).toEqual([0, expect.stringContaining('adopted'), '']);
      for (const schema of schemas) {
        const rows = await db.query(
          `select (extract(epoch from applied_at) * 1000)::float8 as at from ${schema}.schema_migrations`,
        );
        expect(rows).toHaveLength(5);
        if (tool.time !== 'exact') continue;
        // The clocks of the tool and of the server may differ a little.
        for (const { at } of rows) expect(at).toBeGreaterThan(started - 5000);
        for (const { at } of rows) expect(at).toBeLessThan(Date.now() + 5000);
      }
      const verified = await sqlmig(['verify', '--check-pending'], at.p.dir);
      // A project with tenants has public as well, which has no files here.
      const compared = schemas.length === 1 ? '1 schema matches' : `${schemas.length + 1} schemas match`;
      expect(verified).toMatchObject({
        code: 0,
        stdout: `clean: ${compared} the files (${5 * schemas.length} applied migrations)\n`,
        stderr: `database ${db.name} on ${new URL(db.url).host}\n`,
      });
      expect(migrationsOf(await sqlmig(['up', '--all', '--json'], at.p.dir)).flat()).toEqual([]);

      const before = await picture();
      await at.run();
      expect(await picture()).toEqual(before);
      at.toolWrites([...five, step(6, 'create table sixth ();')]);
      for (const { code, output } of await at.run()) {
        expect(code).not.toBe(0);
        expect(output).toMatch(/taken over by sqlmig|violates not-null constraint/);
      }
      const after = Object.entries(await picture());
      const isSixth = ([name]: [string, string]) => /\bsixth$/.test(name);
      expect(Object.fromEntries(after.filter((entry) => !isSixth(entry)))).toEqual(before);
      expect(after.filter(isSixth)).toHaveLength(tool.runsUnrecorded === true ? schemas.length : 0);

      at.weWrite([...five, step(7, 'create table seventh ();')]);
      const applied = migrationsOf(await sqlmig(['up', '--all', '--json'], at.p.dir));
      expect(applied.filter((names) => names.length > 0)).toEqual(schemas.map(() => ['step_7']));
      const again = await sqlmig(importing, at.p.dir);
      expect(again).toMatchObject({ code: 0, stdout: 'there is nothing to import\n' });
    });

    /** Five files are applied, and the tool is at the sixth. */
    const withSixth = async (text: string) => {
      const at = stage(tool, dir, ['public']);
      ok(await at.run());
      const steps = [...five, step(6, text)];
      at.toolWrites(steps);
      at.weWrite(steps);
      return at;
    };

    const expectOutcome = async (at: Stage, refusal: string | null, applied = 5) => {
      const { code, histories, sessions } = await at.report();
      expect([code, sessions]).toEqual([refusal === null ? 0 : 1, []]);
      const end = await sqlmig(importing, at.p.dir);
      if (refusal !== null) {
        expect(histories[0]?.refused).toMatchObject({ message: expect.stringContaining(refusal) });
        expect(end).toMatchObject({ code: 1, stdout: expect.stringContaining(refusal) });
        return;
      }
      const match = { applied, withoutFile: [], skipped: [] };
      expect(histories[0]).toMatchObject({ refused: null, match });
      expect(withoutRow(histories)).toHaveLength(6 - applied);
      expect(end).toMatchObject({ code: 0 });
    };

    test('after a file that failed', async () => {
      const at = await withSixth('create table half (); select 1 / 0;');
      const [end] = await at.run();
      expect(end?.code).not.toBe(0);
      await expectOutcome(at, tool.failed);
    });

    /** Starts the tool, and waits until its sixth file waits for us. */
    const atWork = async () => {
      await other.run(`select pg_advisory_lock(${gate})`);
      const at = await withSixth(`select pg_advisory_xact_lock(${gate}); create table sixth ();`);
      const running = at.start('public');
      const waiting = `select from pg_locks l join pg_database d on d.oid = l.database
        where datname = current_database() and classid = 0 and objid = ${gate} and not granted`;
      await Promise.race([
        running.ended.then(({ output }) => Promise.reject(new Error(output))),
        vi.waitFor(async () => expect(await db.query(waiting)).toHaveLength(1), patience),
      ]);
      return { at, running };
    };

    test('while it runs', async () => {
      const { at, running } = await atWork();
      const { sessions } = await at.report();
      expect(sessions).toHaveLength(tool.whileRunning === 'named' ? 1 : 0);
      const { code, stdout, stderr } = await sqlmig(importing, at.p.dir);
      await other.run(`select pg_advisory_unlock(${gate})`);
      const { code: toolCode } = await running.ended;
      if (tool.whileRunning === 'taken over') {
        expect([code, toolCode === 0, await sixth()]).toEqual([0, false, tool.runsUnrecorded === true]);
        return;
      }
      if (tool.whileRunning === 'in use')
        expect([code, stderr]).toEqual([4, expect.stringContaining('is in use')]);
      else expect([code, stdout]).toEqual([1, expect.stringContaining('nothing was changed')]);
      expect([toolCode, await sixth()]).toEqual([0, true]);
      expect((await at.report()).histories[0]).toMatchObject({ match: { applied: 6 } });
    });

    test('after it was killed', async () => {
      const { at, running } = await atWork();
      running.kill();
      await running.ended;
      await other.run(`select pg_advisory_unlock(${gate})`);
      const sessions = `select from pg_stat_activity where datname = current_database() and backend_type = 'client backend'
        and pid <> pg_backend_pid() and application_name !~ '^(postgres.js|sqlmig)'`;
      await vi.waitFor(async () => expect(await db.query(sessions)).toEqual([]), patience);
      await expectOutcome(at, tool.killed, tool.sendsAhead === true ? 6 : 5);
    });
  });
}
