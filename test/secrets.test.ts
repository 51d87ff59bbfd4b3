import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { trace } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { expect, onTestFinished, test } from 'vitest';
import { execute } from '../src/cli/execute.ts';
import { quickly } from '../src/cli/quick.ts';
import { up } from '../src/index.ts';
import { sqlmig, start } from './setup/cli.ts';
import { freshDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';
import { testTerminal } from './setup/terminal.ts';

// RFC 3986: gen-delims, sub-delims; then what else has a meaning somewhere.
const reserved = [
  ...`:/?#[]@!$&'()*+,;= %\\"\`^|{}<>`,
  '\t',
  '\n',
  '\r',
  '\x01',
  '\x1b',
  '\x7f',
  'ü',
  '//',
  '?a=',
  '@h/',
];
const fragments = ['sup3r', 'rsecret'];
const encoded = (text: string) =>
  text.replace(/[^a-z0-9]/gi, (char) =>
    encodeURIComponent(char).replace(/^[^%]/, (c) => `%${c.charCodeAt(0).toString(16)}`),
  );

/** Every way in which people write a password, the right ones and the wrong ones. */
function strings(char: string): string[] {
  const raw = `sup3r${char}rsecret`;
  return [raw, encoded(raw)].flatMap((password) => [
    `postgres://app:${password}@127.0.0.1:1/db`,
    `postgres://app:${password}@127.0.0.1:1/db?sslmode=never`,
    `postgres://app:1${password}@127.0.0.1:1`,
    // With an @ the rest is a host for everybody, and a host may be told.
    ...(password.includes('@') ? [] : [`postgres://app:${password}`]),
    `postgres://127.0.0.1:1/db?user=app&password=${password}`,
    `postgres://127.0.0.1:1/db?password=${password}&host=127.0.0.1`,
    `postgres:///db?password=${password}&port=x`,
    `host=127.0.0.1 port=1 user=app password=${password}`,
    `host=127.0.0.1 password='${password}' user=app`,
    `jdbc:postgresql://127.0.0.1:1/db?user=app&password=${password}`,
    `mysql://app:${password}@127.0.0.1:1/db`,
  ]);
}

/** Runs a command of the command line in this process: hundreds of them are to be seen. */
async function outputOf(
  args: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
): Promise<string> {
  const { terminal, stdout, stderr } = testTerminal(cwd, env);
  const invocation = await quickly(args);
  if (invocation === null) throw new Error('not a plain command line');
  const code = await execute(invocation, terminal);
  expect([2, 3]).toContain(code);
  const text = stdout() + stderr();
  expect(text).not.toBe('');
  return text;
}

test.for(reserved)('a password with %j is in no output, whatever is wrong', async (char) => {
  const p = project({}, { 'sql/public/1_p.sql': 'select 1' });
  for (const url of strings(char)) {
    const outputs = [
      await outputOf(['status', '--url', url], p.dir),
      await outputOf(
        ['up', '--all', '--json', '--verbose', '--log-format', 'json', '--metrics', 'm.prom'],
        p.dir,
        {
          DATABASE_URL: url,
        },
      ),
      await outputOf(['plan', '--direct-url', url, '--url', 'postgres://127.0.0.1:1/db'], p.dir),
    ];
    for (const text of outputs)
      for (const fragment of fragments)
        expect([url, text.includes(fragment), text]).toEqual([url, false, text]);
  }
});

test.for(reserved)(
  'a password with %j in a config file that cannot be used is in no output',
  async (char) => {
    const p = project({}, {});
    for (const url of strings(char)) {
      for (const [file, text] of [
        ['sqlmig.config.json', JSON.stringify({ url, [url]: 1 })],
        ['sqlmig.config.json', `{"url": "${url}"`],
        ['c.mjs', `throw new Error(${JSON.stringify(`cannot use ${url}`)})`],
      ] as const) {
        p.write({ [file]: text });
        const told = await outputOf(['status', '--config', file], p.dir);
        for (const fragment of fragments)
          expect([url, text, told.includes(fragment), told]).toEqual([url, text, false, told]);
        if (file.endsWith('.mjs')) break;
      }
    }
  },
);

test.for(['/', '?', '@', '#', ' ', ':', "'", ','])(
  'a password with %j among the arguments by mistake',
  async (char) => {
    const p = project({});
    for (const url of [
      `postgres://app:sup3r${char}rsecret@h/db`,
      `postgres://app:sup3r${char}rsecret`,
      `host=h password=sup3r${char}rsecret`,
    ]) {
      for (const words of [['status'], ['repair'], ['status', '--config']]) {
        const { code, stdout, stderr } = await sqlmig([...words, url], p.dir);
        expect(code).toBe(2);
        for (const fragment of fragments) expect(stdout + stderr).not.toContain(fragment);
      }
    }
  },
);

test('a run that logs in with a password of all these characters tells none of it', async () => {
  const db = await freshDatabase();
  const password = `sup3r${reserved.join('').replace('\0', '')}rsecret`;
  const role = `${db.name}_role`;
  await db.query(
    `create role ${role} superuser login password '${password.replaceAll("'", "''")}'; alter role ${role} set client_min_messages = debug1`,
  );
  onTestFinished(
    async () =>
      void (await db.query(
        `reassign owned by ${role} to current_user; drop owned by ${role}; drop role ${role}`,
      )),
  );
  const url = Object.assign(new URL(db.url), { username: role, password: '' }).href.replace(
    `${role}@`,
    `${role}:${encoded(password)}@`,
  );
  const files = { 'sql/public/1_p.sql': 'create table p ()', 'sql/tenant/1_t.sql': 'select 1/0' };
  const p = project({ tenants: { list: ['acme'] } }, files);
  const exporter = new InMemorySpanExporter();
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  );
  onTestFinished(() => trace.disable());
  const { loadConfig } = await import('../src/project/config.ts');
  const config = await loadConfig({ cwd: p.dir, env: {}, overrides: { url } });
  const result = await up(config, { select: { kind: 'all', except: [] } });
  expect(result.failed).toBe(1);
  const run = start(['up', '--all', '--json', '--verbose', '--metrics', 'm.prom', '--url', url], p.dir);
  const { stdout, stderr } = await run.ended;
  const spans = exporter
    .getFinishedSpans()
    .map(({ name, attributes, events, status }) => ({ name, attributes, events, status }));
  expect(spans.length).toBeGreaterThan(1);
  const told = [
    stdout,
    stderr,
    readFileSync(join(p.dir, 'm.prom'), 'utf8'),
    JSON.stringify([result, spans]),
  ].join('\n');
  for (const fragment of fragments) expect(told).not.toContain(fragment);
});

test('ps shows no password of --url', async () => {
  const p = project({});
  const run = start(['status', '--wait', '60s', '--url', 'postgres://app:sup3rsecret@127.0.0.1:1/db'], p.dir);
  await new Promise<void>((resolve) => run.process.stderr?.once('data', () => resolve()));
  let title = '';
  try {
    title = readFileSync(`/proc/${run.process.pid}/cmdline`, 'utf8');
  } catch {
    console.log('skipped: no /proc');
  }
  run.process.kill('SIGTERM');
  await run.ended;
  expect(title).not.toContain('sup3rsecret');
});
