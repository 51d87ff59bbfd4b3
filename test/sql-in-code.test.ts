import { expect, test } from 'vitest';
import { sqlInCode } from '../src/convert/sql-in-code.ts';

const read = (text: string, path = '1_x.ts') => sqlInCode(path, text);
const inside = { up: false, down: false };
const outside = { up: true, down: true };
const nothing = { down: '', isOutside: inside };

test.for<[tool: string, text: string, expected: ReturnType<typeof sqlInCode>]>([
  [
    'TypeORM',
    `import { MigrationInterface, QueryRunner } from "typeorm";
export class Users1680000000000 implements MigrationInterface {
    name = 'Users1680000000000'
    // up and down
    public async up(queryRunner: QueryRunner): Promise<void> {
        await queryRunner.query(\`CREATE TABLE "users" ("id" SERIAL, "note" text DEFAULT '\\\\x')\`);
        /* then */ await queryRunner.query("CREATE INDEX \\"i\\" ON \\"users\\" (\\u0022note\\x22)" + ' -- {"', );
    }
    public async down(queryRunner: QueryRunner): Promise<void> {
        await queryRunner.query(\`DROP TABLE "users";\`)
    }
}`,
    {
      up: `CREATE TABLE "users" ("id" SERIAL, "note" text DEFAULT '\\x')\n;\nCREATE INDEX "i" ON "users" ("note") -- {"\n;\n`,
      down: 'DROP TABLE "users";\n',
      isOutside: inside,
    },
  ],
  [
    'TypeORM without a transaction',
    'class X { transaction: boolean = false; async up(q) { await q.query(`VACUUM`) } async down() {} }',
    { ...nothing, up: 'VACUUM\n;\n', isOutside: outside },
  ],
  [
    'TypeORM with an optional property',
    'class X { readonly transaction?: boolean = false; async up(q) { await q.query(`VACUUM;`) } }',
    { ...nothing, up: 'VACUUM;\n', isOutside: outside },
  ],
  [
    'MikroORM',
    `export class Migration1 extends Migration {
      override isTransactional(): boolean { return false; }
      override async up(): Promise<void> { this.addSql('select 1;'); this.addSql('select 2;'); }
    }`,
    { ...nothing, up: 'select 1;\nselect 2;\n', isOutside: outside },
  ],
  [
    'knex',
    'exports.up = async function up(knex) { console.log("x"); log.info("y"); return knex.schema.raw(`select 1`) };\nexports.down = (knex) => { return; };',
    { ...nothing, up: 'select 1\n;\n' },
  ],
  [
    'knex in TypeScript',
    'export async function up(knex: Knex): Promise<void> { await knex.raw(`select 1`) }\nexport async function down(knex: Knex): Promise<void> { return undefined }\nexport const config = { transaction: false };',
    { ...nothing, up: 'select 1\n;\n', isOutside: outside },
  ],
  [
    'Sequelize',
    "module.exports = { async up(queryInterface, Sequelize) { await queryInterface.sequelize.query('select 1') }, down: async (q) => {} };",
    { ...nothing, up: 'select 1\n;\n' },
  ],
  [
    'db-migrate',
    'exports.up = function (db, cb) {\n  db.runSql(\n    `\n    select $1 from a;\n    `,\n    cb,\n  );\n};\nexports.down = function (db, callback) { callback(); };',
    { ...nothing, up: '    select $1 from a;\n' },
  ],
  [
    'a constant',
    'async up() { const sql: string = `select 1;`\n const more = "select " + "2;"; this.addSql(sql); this.addSql(more); this.addSql(sql) }',
    { ...nothing, up: 'select 1;\nselect 2;\nselect 1;\n' },
  ],
  [
    'node-pg-migrate',
    'export const up = (pgm: MigrationBuilder): void => { pgm.noTransaction(); pgm.sql(`vacuum`); };',
    { ...nothing, up: 'vacuum\n;\n', isOutside: { up: true, down: false } },
  ],
  [
    'node-pg-migrate, which undoes it without a transaction',
    'exports.up = (pgm) => { pgm.sql(`select 1;`) }; exports.down = (pgm) => { pgm.noTransaction(); pgm.sql(`vacuum;`) };',
    { up: 'select 1;\n', down: 'vacuum;\n', isOutside: { up: false, down: true } },
  ],
  [
    'other code that undoes it',
    'exports.up = (db) => { return db.runSql("select 1;") }; exports.down = (db) => { db.dropTable("t") };',
    { up: 'select 1;\n', down: null, isOutside: inside },
  ],
  ['nothing', 'exports.up = (db, cb) => { cb(); };', { ...nothing, up: '' }],
])('%s', ([, text, expected]) => {
  expect(read(text)).toEqual(expected);
});

test('a semicolon in a comment ends no query', () => {
  const text = "up(q) { q.query('update a set b = 1 -- where c;'); q.query('select 1 /* ; */;') }";
  expect(read(text)?.up).toBe('update a set b = 1 -- where c;\n;\nselect 1 /* ; */;\n');
});

test.for<[escape: string, value: string]>([
  ["'\\1\\012\\0\\377\\400\\8'", '\x01\n\0\xff\x200' + '8'],
  ["'\\x41\\X41\\u0041\\U0041'", 'AX41AU0041'],
  ["'\\u{41}\\u{1f600}\\u{000041}'", 'A\u{1f600}A'],
  ["'a\\\r\nb\\\u2028c'", 'abc'],
  ['`a\r\nb\rc\\\r\nd`', 'a\nb\ncd'],
])('the string %s', ([string, value]) => {
  expect(read(`up(q) { q.query(${string} + ';') }`)?.up).toBe(`${value};\n`);
});

test('what comes before a function is read to its end', () => {
  const before = [
    `const escape = (s) => \`'\${s.replace(/'/g, "''")}'\`;`,
    `const names = (rows) => \`in (\${rows.map((row) => \`"\${row}"\`).join()})\`;`,
    'const half = (a) => a.length / 2; const quarter = rows[0] / 4;',
    'const marks = /[/`]|\\/`/;',
  ].join('\n');
  const text = `up(q) { q.query(\`select 1;\`) }\n${before}\ndown(q) { q.query(\`select 2;\`) }`;
  expect(read(text)).toEqual({ up: 'select 1;\n', down: 'select 2;\n', isOutside: inside });
});

test.for([
  'exports.down = (db) => db.runSql("select 2;")',
  'exports.down = down',
  'exports.down = exports.up',
  'exports.down = wrapped(function down(db) { db.runSql("select 2;") })',
  'exports["down"] = (db) => { db.runSql("select 2;") }',
  'const more = { "down": (db) => { db.runSql("select 2;") } }',
  'export { undo as down }',
  'class A { down<T>(db: T) { db.runSql("select 2;") } }',
  'class A { down(db): Promise<{}> { db.runSql("select 2;") } }',
  'exports.down = (db) => { db.runSql("select 2;") }; exports.down = (db) => {};',
])('what undoes it may be other code: %s', (down) => {
  const text = `exports.up = (db) => { db.runSql("select 1;") };\n${down}`;
  expect(read(text)).toEqual({ up: 'select 1;\n', down: null, isOutside: inside });
});

test.for([
  'exports.down = db => { db.runSql("select 2;") }',
  'class A { async down(db): Promise<any[]> { db.runSql("select 2;") } }',
  'async function down(db) { db.runSql("select 2;") }\nmodule.exports = { up, down: down };',
  'const down = async (db) => { db.runSql("select 2;") };\nexports.down = down\nexports.name = "down"',
])('the function that undoes it is found: %s', (down) => {
  expect(read(`exports.up = (db) => { db.runSql("select 1;") };\n${down}`)?.down).toBe('select 2;\n');
});

test.for([
  '',
  'exports.down = false;',
  'module.exports = { up, down: null }',
  'exports.down = undefined\nexports.a = 1',
])('nothing undoes it: %s', (down) => {
  expect(read(`exports.up = (db) => { db.runSql("select 1;") };\n${down}`)?.down).toBe('');
});

test.for([
  `async up(q) { await q.query(\`select \${x}\`) }`,
  "async up(q) { await q.query('select $1', [1]) }",
  'async up(q) { await q.query(sql) }',
  "async up(q) { if (x) await q.query('select 1') }",
  "async up(q) { await q.query('select 1').then(f) }",
  "async up(q) { const rows = await q.query('select 1') }",
  "async up(q) { await q.createTable('t'); await q.query('select 1') }",
  "async up(q) { await q.query(f('select 1')) }",
  "async up(q) { const sql = 'select 1'.trim(); await q.query(sql) }",
  "async up(q) { return; await q.query('select 1') }",
  "async up(q) { return // now\n q.query('select 1') }",
  "async up(q) { return q.query('select 1'); q.query('select 2') }",
  "async up(q) { let sql = 'select 1'; await q.query(sql) }",
  "async up(q) { const sql = 'select 1'; await q.query(other) }",
  "up: (q) => q.query('select 1')",
  "async up(q) { await q.query('select 1') } async up(q) { await q.query('select 2') }",
  "async up(q) { await q.query('select 1'",
  "async up(knex) { await knex.raw('select a ?| b') }",
  "async down(q) { await q.query('select 1') }",
  'async up(q) { await sql`select 1`.execute(q) }',
  "up() { x.query('a' + b) }",
  "up() { x.query('a'",
  "up(q) { q.query('select 1') } const a = 'b",
  "up(q) { q.query('select 1') } const a = `b",
  `up(q) { q.query('select 1') } const a = \`b\${c`,
  "async function up(q) { await q.query('select 1') } exports.up = wrapped(up)",
  "function up(q): Promise<{}> { q.query('select 1') }",
  "up(pgm) { pgm.sql('select 1'); pgm.db.query('select 2') }",
  "up(knex) { knex.raw('select 1') }",
  "up(q) { other.query('select 1') }",
  "up(q) { this.query('select 1') }",
  "up(q) { this.other.addSql('select 1') }",
  '',
])('other code stays code: %s', (text) => {
  expect(read(text)).toBe(null);
});

test('strings may be long', () => {
  const rows = `insert into t values ('\\\\x'), ('$');\n`.repeat(200_000);
  expect(read(`async up(q) { await q.query(\`${rows}\`) }`)?.up.length).toBeGreaterThan(5_000_000);
});

test('only JavaScript and TypeScript are read', () => {
  const text = "async up(q) { await q.query('select 1;') }";
  expect(read(text, 'a/1_x.mjs')).toEqual({ ...nothing, up: 'select 1;\n' });
  for (const path of ['1_x.py', '1_x.go', '1_x.jsx']) expect(read(text, path)).toBe(null);
});
