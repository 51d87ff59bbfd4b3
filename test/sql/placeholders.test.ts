import { expect, test } from 'vitest';
import { fileIndex, scriptForTenant, sentText } from '../../src/sql/filling.ts';
import type { Script } from '../../src/sql/migration.ts';
import { tokensOf } from '../../src/sql/parse.ts';
import { toScript, unsetErrors } from '../../src/sql/script.ts';

const values: Readonly<Record<string, string>> = {
  app: 'App',
  hard: `it's \\ "x"\n`,
  empty: '',
  long: 'x'.repeat(64),
};

const parsed = (text: string, scope: 'public' | 'tenant' = 'tenant') =>
  toScript(
    {
      scope,
      version: '1',
      name: 'x',
      checksum: '',
      file: '1_x.sql',
      text,
      vars: new Map(Object.entries(values)),
    },
    'public',
  );

async function scriptOf(text: string): Promise<Script> {
  const script = await parsed(text);
  if (!('migration' in script)) throw script[0];
  return script;
}

const sent = async (text: string, tenant = 'acme') => sentText(scriptForTenant(await scriptOf(text), tenant));

test.for([
  ['grant select on t to {{tenant}}_rw', 'grant select on t to  "acme_rw" '],
  ['select {{ App }}.x, APP_{{tenant}}_Ü{{app}}', 'select  "App" .x,  "app_acme_ÜApp" '],
  ['select "Top ""{{tenant}}""_RW"."{{app}}"', 'select "Top ""acme""_RW"."App"'],
  ["insert into t values ({{'tenant'}}, {{ 'app' }})", "insert into t values ( E'acme' ,  E'App' )"],
  ["select {{'hard'}}", `select  E'it''s \\\\ "x"\n' `],
  ["select {{'empty'}}, app{{empty}}", `select  E'' ,  "app" `],
  ['select {{hard}}', `select  "it's \\ ""x""\n" `],
  ["select '{{tenant}}', E'\\'{{tenant}}', $$ {{tenant}} $$, $a$ {{tenant}}$a$", null],
  ['-- {{tenant}} {{nope}}\nselect 1 /* {{tenant}} /* {{x}} */ */', null],
  ['select 1', null],
] as const)('%j', async ([text, filled]) => {
  expect(await sent(text)).toBe(filled ?? text);
});

test.for([
  ['{{x y}} select', 'bad-placeholder', 1, 1],
  ['select\n {{"app"}}', 'bad-placeholder', 2, 2],
  ['select {{app', 'bad-placeholder', 1, 8],
  ['select {{{app}}}', 'bad-placeholder', 1, 8],
  ['select U&"{{app}}"', 'bad-placeholder', 1, 10],
  ['select {{empty}}', 'bad-placeholder', 1, 8],
  ['select a, b_{{long}}', 'bad-placeholder', 1, 11],
  ["select {{'app'}}\n'x'", 'bad-placeholder', 1, 8],
  ["select {{'app'}} {{'app'}}", 'sql-syntax', 1, 18],
  ['select "x" "x{{app}}" form t', 'sql-syntax', 1, 23],
  ['select "$' + '{x}"', 'unrendered-placeholder', 1, 8],
] as const)('%j is refused: %s', async ([text, code, line, column]) => {
  const script = await parsed(text);
  const errors = 'migration' in script ? [] : script;
  expect(errors.map((error) => [error.code, error.details.line, error.details.column])).toEqual([
    [code, line, column],
  ]);
});

test('a message of the parser shows the placeholder, not its value', async () => {
  const script = await parsed("select {{'hard'}} {{'hard'}}");
  expect('migration' in script ? '' : script[0]?.message).toBe(`syntax error at or near "{{'hard'}}"`);
});

test('without values nothing is filled in', async () => {
  const text = `insert into t values ('{{tenant}}') -- {{tenant}}`;
  const script = await toScript(
    { scope: 'tenant', version: '1', name: 'x', checksum: '', file: '1_x.sql', text },
    'public',
  );
  expect(script).toMatchObject({ text, placeholders: [], lints: [] });
});

test('one without a value is an error at each place, and a tenant in a public file is', async () => {
  const script = await scriptOf("select {{nope}},\n {{'Nope'}}, {{app}}");
  expect(
    unsetErrors(script).map(({ code, details }) => [code, details.line, details.column, details.hint]),
  ).toEqual([
    ['placeholder-unset', 1, 8, 'set vars.nope in the config, or the variable SQLMIG_VAR_NOPE'],
    ['placeholder-unset', 2, 2, 'set vars.nope in the config, or the variable SQLMIG_VAR_NOPE'],
  ]);
  const shared = await parsed('select 1;\nselect x_{{tenant}}', 'public');
  expect(shared).toMatchObject([{ code: 'bad-placeholder', details: { line: 2, column: 10, caret: 10 } }]);
});

test('what has no value is neither judged nor sent', async () => {
  const long = 'a_name_that_is_longer_than_a_name_of_PostgreSQL_could_be_at_all_so_far';
  const script = scriptForTenant(await scriptOf(`select {{${long}}}, {{tenant}}_{{nope}}`), 'acme');
  expect(unsetErrors(script).map(({ details }) => details.column)).toEqual([8, 95]);
  expect(() => sentText(script)).toThrow('a placeholder has no value');
});

test('a known placeholder in a string or a body is a lint, any other is not', async () => {
  const { lints } = await scriptOf(`select '{{name}} {{ app }}', $$ {{tenant}} $$, {{'app'}}`);
  expect(lints.map(({ rule, index }) => [rule, index])).toEqual([
    ['placeholder-in-string', 17],
    ['placeholder-in-string', 32],
  ]);
});

const hostile = [
  `a"b`,
  `"; drop table t; --`,
  `'; drop table t; --`,
  `\\'; drop table t; --`,
  `\\`,
  `"`,
  `""`,
  `'`,
  '$$; drop table t; $$',
  '*/ drop table t; /*',
  '-- x',
  'line\nbreak\r\n',
  '$&$1$`',
  '{{app}}',
  'Ünï🐘',
  '\ue000\ue001',
  ' ',
  '%s;',
];

test('whatever a value is, it is sent as one token', async () => {
  const text = `select {{tenant}}, x_{{tenant}}_y, "{{tenant}}""{{tenant}}", {{'tenant'}}, '{{tenant}}' from t`;
  const script = await scriptOf(text);
  for (const name of hostile) {
    const tokens = await tokensOf(sentText(scriptForTenant(script, name)));
    const [, a, , b, , c, , d, , e, from, t, ...more] = tokens.map((token) => token.text);
    const inName = name.replaceAll('"', '""');
    expect([a, b, c]).toEqual([`"${inName}"`, `"x_${inName}_y"`, `"${inName}""${inName}"`]);
    expect(d).toBe(`E'${name.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`);
    expect([e, from, t, more]).toEqual(["'{{tenant}}'", 'from', 't', []]);
  }
});

test('what a statement can reach has the names as they are sent', async () => {
  const script = await scriptOf(
    "select 1; truncate {{app}}.{{tenant}}_log; grant all on schema {{tenant}} to {{tenant}}_rw; comment on table t is {{'app'}}",
  );
  const { statements, sharedRows } = scriptForTenant(script, 'a\\c');
  expect(statements[1]?.reach.targets).toEqual([{ schema: 'App', name: 'a\\c_log' }]);
  expect(statements[2]?.reach.words).toContain('a\\c_rw');
  expect(statements[3]?.reach.words).toContain('App');
  expect(sharedRows).toEqual({ certain: false, names: new Set(['a\\c', 't']) });
  // Statements without the tenant are not copied for each.
  expect(statements[0]).toBe(script.statements[0]);
});

test('an index in what was sent is one in the file, and in a placeholder that of the placeholder', async () => {
  const text = "select {{app}}, {{'hard'}}, x_{{tenant}} from a; select {{tenant}}, b";
  const script = scriptForTenant(await scriptOf(text), 'the longest name of all');
  const whole = sentText(script);
  for (const word of ['select', ' from a', 'b'])
    expect(fileIndex(script, whole.indexOf(word))).toBe(text.indexOf(word));
  expect(fileIndex(script, whole.indexOf('App'))).toBe(text.indexOf('{{app'));
  expect(fileIndex(script, whole.indexOf('longest'))).toBe(text.indexOf('x_'));
  expect(fileIndex(script, whole.length)).toBe(text.length);
  const [, second] = script.statements;
  const own = sentText(script, second);
  expect(fileIndex(script, own.indexOf(', b'), second?.start)).toBe(text.indexOf(', b'));
});

test('the schema of a dump may be the placeholder', async () => {
  const dump = `SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE {{tenant}}.t ();`;
  expect((await scriptOf(dump)).lints.map(({ rule }) => rule)).toEqual(['dump-head']);
});

test('messages show the placeholder of the tenant, not the mark that stands for it', async () => {
  const script = await parsed("alter type c add value {{'tenant'}}; select {{'tenant'}}::c");
  expect('migration' in script ? '' : script[0]?.message).toBe(
    "the file uses '{{tenant}}', which it adds to an enum itself",
  );
});

test('what is taken out of a file takes its placeholders along', async () => {
  const script = await scriptOf('begin; select {{app}}; commit; select 1');
  const [first] = script.statements;
  const without = {
    ...script,
    text: script.text.replace(script.text.slice(first?.start, first?.end), (all) => ' '.repeat(all.length)),
  };
  expect(sentText(without)).toMatch(/^\s+;\s+select 1$/);
});

test('a name that is too long for PostgreSQL with this tenant is an error of the tenant', async () => {
  const script = await scriptOf('select 1;\ngrant select on t to {{tenant}}_rw');
  expect(() => scriptForTenant(script, 'x'.repeat(61))).toThrow('{{tenant}}_rw is a name of 64 bytes');
  expect(sentText(scriptForTenant(script, 'x'.repeat(60)))).toContain(`"${'x'.repeat(60)}_rw"`);
});
