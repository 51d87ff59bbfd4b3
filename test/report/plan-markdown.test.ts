import { expect, test } from 'vitest';
import { noPlanMarkdown, planMarkdown } from '../../src/report/plan-markdown.ts';
import { type RehearsalDocument, rehearsalDocument } from '../../src/report/rehearsal-markdown.ts';
import type { PlannedSchema, PlanResult, Scope } from '../../src/results.ts';
import { numbered } from '../setup/project.ts';

const files = (scope: Scope, versions: readonly string[]) =>
  versions.map((version) => ({ version, name: 'x', file: `sql/${scope}/${version}_x.sql` }));

const planned = (schema: string, more: Partial<PlannedSchema> = {}): PlannedSchema => ({
  database: 'app',
  schema,
  scope: 'tenant',
  version: '0041',
  migrations: files('tenant', ['0042']),
  ...more,
});

const result = (schemas: readonly PlannedSchema[], more: Partial<PlanResult> = {}): PlanResult => ({
  ok: true,
  host: 'db',
  database: 'app',
  schemas,
  warnings: [],
  ...more,
});

const lint = {
  kind: 'lint' as const,
  database: 'app',
  schema: null,
  scope: 'tenant' as const,
  version: '0042',
  name: 'x',
  rule: 'create-index',
  file: 'sql/tenant/0042_x.sql',
  line: 3,
  column: 1,
  message: 'CREATE INDEX on users blocks writes; use CONCURRENTLY',
};

test('files and schemas are grouped, with the number of schemas and the first names', () => {
  const versions = Array.from({ length: 42 }, (_, i) => String(i + 1).padStart(4, '0'));
  const shared = { scope: 'public' as const, version: '0012', migrations: files('public', ['0013']) };
  const error = {
    code: 'checksum-changed',
    message: 'the file was\nchanged',
    hint: 'accept it',
    schema: 't',
  };
  expect(
    planMarkdown(
      result(
        [
          planned('public', shared),
          ...numbered('t', 998).map((schema) => planned(schema)),
          planned('new', { version: null, migrations: files('tenant', versions) }),
          planned('done', { version: '0042', migrations: [] }),
          planned('old', { version: null, unmanaged: true, migrations: files('tenant', ['0042']) }),
          planned('a', { migrations: [], error: { ...error, schema: 'a' } }),
          planned('b', { migrations: [], error: { ...error, schema: 'b' } }),
        ],
        {
          ok: false,
          warnings: [
            lint,
            lint,
            ...['t_1', 't_2'].map((schema) => ({
              ...{ kind: 'file-missing' as const, database: 'app', schema, scope: 'tenant' as const },
              message: '0040_gone.sql is missing',
            })),
          ],
        },
      ),
    ),
  ).toBe(`<!-- sqlmig plan -->
### Database migrations

**43 files to apply in 1001 schemas, 2 schemas refused, 2 warnings in database \`app\`**

#### Errors

- **\`checksum-changed\`** in 2 schemas: \`a\`, \`b\`${'  '}
  \`the file was changed\`${'  '}
  hint: \`accept it\`

#### Files to apply

- \`sql/public/0013_x.sql\` in 1 public schema: \`public\`
- 41 files from \`sql/tenant/0001_x.sql\` to \`sql/tenant/0041_x.sql\` in 1 tenant: \`new\`
- \`sql/tenant/0042_x.sql\` in 1000 tenants: \`t_1\`, \`t_2\`, \`t_3\` and 997 more

#### Schemas

- 1 public schema, at 0012, 1 file to apply: \`public\`
- 998 tenants, at 0041, 1 file to apply: \`t_1\`, \`t_2\`, \`t_3\` and 995 more
- 1 tenant, empty, 42 files to apply: \`new\`
- 1 tenant, at 0042, up to date: \`done\`
- 1 tenant, not managed yet, 1 file to apply (tables, but no applied migration: \`up\` runs every file): \`old\`

#### Warnings

- **\`create-index\`** at \`sql/tenant/0042_x.sql:3:1\`${'  '}
  \`CREATE INDEX on users blocks writes; use CONCURRENTLY\`
- **\`file-missing\`** in 2 tenants: \`t_1\`, \`t_2\`${'  '}
  \`0040_gone.sql is missing\`
`);
});

test('several databases share files and warnings, and those that failed are named', () => {
  const inDatabase = (database: string) => planned('t', { database });
  const { host: _, database: __, ...several } = result([inDatabase('eu'), inDatabase('us')]);
  const error = { code: 'connection-failed', message: 'connection refused', database: 'ap' };
  const text = planMarkdown({
    ...several,
    ok: false,
    warnings: [
      { ...lint, database: 'eu' },
      { ...lint, database: 'us' },
    ],
    databases: [
      { database: 'eu', ok: true },
      { database: 'us', ok: true, tenantsUnknown: 'relation "tenants" does not exist' },
      { database: 'ap', ok: false, error },
    ],
  });
  for (const line of [
    '**1 file to apply in 2 schemas, 1 database failed, 1 warning in 3 databases**',
    '- **`connection-failed`** in database `ap`  ',
    '- `sql/tenant/0042_x.sql` in 2 tenants: `t@eu`, `t@us`',
    '- tenants of `us`: not known until public is applied: `relation "tenants" does not exist`',
  ])
    expect(text.split('\n')).toContain(line);
});

/** What a reader of CommonMark takes as Markdown: the text without its code spans. */
function outsideOfCode(markdown: string): string {
  const runs = markdown.split(/(`+)/);
  let outside = '';
  for (let i = 0; i < runs.length; i += 1) {
    const part = runs[i] ?? '';
    const end = part.startsWith('`') ? runs.indexOf(part, i + 1) : -1;
    if (end > -1) i = end;
    else outside += part;
  }
  return outside;
}

test('no text of a file, a schema or the server is Markdown', () => {
  const evil = [
    '@everyone',
    '` @octocat',
    '``` ` @octocat ``',
    '`',
    ' @a ',
    '<!-- sqlmig plan --><img src=x onerror=alert(1)>',
    '</code>[x](https://evil.example)|| #1',
    '\n\n# heading\r\n```\n- @team',
    '\u202egnp.exe\u2066 \u0000 \u2028x',
    '\\`@b\\',
    '$`x`$ **bold** :tada: www.evil.example',
  ];
  const text = planMarkdown(
    result(
      evil.map((schema, i) =>
        planned(schema, {
          version: String(i + 1),
          migrations: [{ version: '1', name: schema, file: `sql/tenant/${schema}` }],
          ...(i % 2 === 0 && {
            error: { code: 'sql-syntax', message: schema, hint: schema, file: schema, schema },
          }),
        }),
      ),
      {
        database: evil[6] ?? '',
        tenantsUnknown: evil[7] ?? '',
        warnings: evil.map((message) => ({ ...lint, message, file: message })),
      },
    ),
  );
  const outside = outsideOfCode(text).replace('<!-- sqlmig plan -->', '');
  expect(outside).not.toMatch(/[@<>[\]$`\\|]|www|https|octocat|heading|evil|tada|bold/);
  expect(text).not.toMatch(/[\p{Bidi_Control}\p{Zl}\0\r]/u);
  const lines = text.split('\n').filter((line) => line !== '');
  expect(lines.filter((line) => !/^(<!-- sqlmig plan -->|###|\*\*|- | {2})/.test(line))).toEqual([]);
  expect(lines.filter((line) => line.startsWith('<!--'))).toHaveLength(1);
});

test('a comment is never longer than GitHub allows, and says what was left out', () => {
  const long = (i: number) => `${i} ${'`x'.repeat(2000)}`;
  const text = planMarkdown(
    result(
      numbered('t', 1000).map((schema, i) =>
        planned(schema, { version: String(i), migrations: files('tenant', [String(i + 1)]) }),
      ),
      { warnings: numbered('w', 1000).map((_, i) => ({ ...lint, line: i, message: long(i) })) },
    ),
  );
  expect(text.length).toBeLessThanOrEqual(65_536);
  expect(text.length).toBeGreaterThan(60_000);
  const left = text.match(/^- _\d+ more, left out because GitHub limits the length of a comment_$/gm);
  expect(left).toHaveLength(3);
  const errors = noPlanMarkdown(
    numbered('f', 1000).map((file) => ({ code: 'sql-syntax', message: file, file })),
  );
  expect(errors).toContain('**no plan: 1000 errors**');
  expect(errors.length).toBeLessThanOrEqual(65_536);
});

test('a rehearsal adds its errors and the costs of each file, whatever is in its document', () => {
  const evil = '\n# x\n- @octocat `';
  const cost = {
    ...{ scope: 'tenant', version: '0042', name: 'x', file: 'sql/tenant/0042_x.sql', schemas: 3 },
    ...{
      durationMs: 840,
      worstIn: evil,
      totalMs: 900,
      rewritten: [],
      indexes: [],
      rows: [],
      outside: [evil],
    },
    locks: [{ schema: null, relation: evil, mode: 'ShareLock', heldMs: 838, worstIn: 't', schemas: 3 }],
  };
  const failed = { code: evil, message: evil, sqlstate: evil, file: evil, line: evil, hint: evil };
  const document = {
    ...{ ok: false, rehearsed: true, applied: 2, costs: [cost], warnings: [] },
    schemas: [{ database: 'app', schema: 't', scope: 'tenant', state: 'failed', error: failed }],
    sample: { tenants: 9, sampled: 3, bytes: 0, sampledBytes: 0 },
  };
  const of = (value: object) =>
    planMarkdown(result([]), rehearsalDocument(JSON.stringify(value)) as RehearsalDocument);
  const text = of(document);
  expect(text).toContain('**nothing to apply in database `app`; the rehearsal failed**');
  expect(text).toContain('#### Rehearsal\n\n- **``');
  expect(text).toContain('- ``sql/tenant/0042_x.sql: up to 840 ms (');
  expect(text).toContain('held for up to 838 ms');
  expect(text).toContain('- `sample: 3 of 9 tenants with pending migrations, the largest`');
  expect(outsideOfCode(text)).not.toMatch(/[@`]|octocat/);
  expect(text).not.toMatch(/^#? ?[x#] x/m);
  const unstarted = of({ ok: false, errors: [{ code: 'sql-syntax', message: evil }] });
  expect(unstarted).toContain('- **`sql-syntax`**');
  expect(of({ ...document, ok: true, costs: [], schemas: [], sample: undefined })).toContain(
    'nothing was rehearsed',
  );
  for (const [other, why] of [
    ['', 'it is not JSON'],
    ['[]', 'it has no "ok"'],
    ['null', 'it has no "ok"'],
    ['{"ok": 1, "errors": []}', 'it has no "ok"'],
    ['{"ok": true}', 'it is not the result of a rehearsal'],
    ['{"ok": true, "schemas": []}', 'it is not the result of a rehearsal'],
    ['{"ok": true, "rehearsed": true, "undone": 1}', 'it is the result of down --rehearse'],
    ['{"ok": false, "errors": [null]}', 'an error has no "code"'],
    ['{"ok": true, "rehearsed": true}', '"schemas" has another format'],
    ['{"ok": true, "rehearsed": true, "schemas": [1]}', '"schemas" has another format'],
    [JSON.stringify({ ...document, sample: {} }), '"sample" has another format'],
    [JSON.stringify({ ...document, error: 'x' }), '"error" has no "code"'],
    ...[{}, { ...cost, locks: [{}] }, { ...cost, rows: 3 }].map((one) => [
      JSON.stringify({ ...document, costs: [one] }),
      '"costs" has another format',
    ]),
  ])
    expect(rehearsalDocument(other ?? '')).toBe(why);
  expect(rehearsalDocument(`\uFEFF${JSON.stringify(document)}`)).toEqual(document);
});
