import { SqlmigError } from '../errors.ts';
import { alembicReader } from '../history/import/alembic.ts';
import { journalIn } from '../history/import/drizzle.ts';
import type { SourceFile } from '../history/import/history-reader.ts';
import { compareVersionParts } from '../project/version.ts';
import { directedSections } from '../sql/sections.ts';
import { closest } from '../text/closest.ts';
import type { ForeignFile } from './file-names.ts';
import { plannedFiles } from './sqitch-plan.ts';
import { mayHoldSql } from './sql-in-code.ts';

/** How a tool orders its files: by version number, by name, or by its own list. */
type Order = 'numbers' | 'names' | 'journal' | 'revisions' | 'plan';

// Read in each tool's source.
const orders: Readonly<Record<string, Order>> = {
  Alembic: 'revisions',
  Atlas: 'names',
  'db-migrate': 'names',
  dbmate: 'names',
  Diesel: 'names',
  Django: 'names',
  Drizzle: 'journal',
  Ecto: 'numbers',
  Flyway: 'numbers',
  'golang-migrate': 'numbers',
  goose: 'numbers',
  'graphile-migrate': 'numbers',
  Hasura: 'numbers',
  knex: 'names',
  Kysely: 'names',
  ley: 'names',
  MikroORM: 'names',
  'node-pg-migrate': 'numbers',
  pop: 'names',
  postgrator: 'numbers',
  'postgres-migrations': 'numbers',
  Prisma: 'names',
  Rails: 'numbers',
  refinery: 'numbers',
  Sequelize: 'names',
  Sqitch: 'plan',
  'sql-migrate': 'numbers',
  sqlx: 'numbers',
  'Supabase CLI': 'names',
  tern: 'numbers',
  TypeORM: 'numbers',
};

/** The tool of this name, as `adopt` writes it. @throws SqlmigError `bad-usage` if its order is unknown. */
export function knownTool(name: string): string {
  const tools = Object.keys(orders);
  const tool = tools.find((known) => known.toLowerCase() === name.toLowerCase());
  if (tool !== undefined) return tool;
  const meant = closest(name, tools);
  throw new SqlmigError('bad-usage', `sqlmig does not know the order of ${name}'s files`, {
    hint: meant === null ? `known tools are ${tools.join(', ')}` : `did you mean ${meant}?`,
  });
}

/** The tool of the files, by their names and marks; `null` if several tools are possible. */
export function toolOfFiles(files: readonly ForeignFile[], sources: readonly SourceFile[]): string | null {
  const paths = sources.map(({ path }) => path);
  const some = (pattern: RegExp) => paths.some((path) => pattern.test(path));
  if (journalIn(sources) !== null) return 'Drizzle';
  if (plannedFiles(sources) !== null) return 'Sqitch';
  if (some(/\/migration\.sql$/)) return 'Prisma';
  if (some(/(?:^|\/)[VR]\d*(?:[._]\d+)*__[^/]*\.sql$/)) return 'Flyway';
  if (some(/(?:^|\/)\d+\.(?:do|undo)\./)) return 'postgrator';
  if (some(/(?:^|\/)committed\/\d+[^/]*\.sql$/)) return 'graphile-migrate';
  if (some(/\.exs$/)) return 'Ecto';
  if (some(/\.rb$/)) return 'Rails';
  if (some(/\.go$/)) return 'goose';
  if (some(/(?:^|\/)sqls\/[^/]+-up\.sql$/)) return 'db-migrate';
  if (some(/(?:^|\/)Migration\d+[^/]*\.[cm]?[jt]s$/)) return 'MikroORM';
  const tool = toolOfCode(sources);
  if (tool !== null) return tool;
  if (some(/\.py$/)) return revisionsOf(sources).length > 0 ? 'Alembic' : 'Django';
  if (files.some(({ database }) => database !== undefined) || some(/\.autocommit\.up\.sql$|\.fizz$/))
    return 'pop';
  if (some(/\.up\.sql$/)) return 'golang-migrate';
  const marked = files.flatMap(({ source }) => directedSections(source.text).map(({ tool }) => tool));
  return marked.find((tool) => tool in orders) ?? null;
}

// What migrations in JavaScript or TypeScript are given.
const inCode: Readonly<Record<string, RegExp>> = {
  TypeORM: /\bQueryRunner\b/i,
  Sequelize: /\bQueryInterface\b/i,
  'db-migrate': /\bdb\.(?:runSql|createTable|addColumn)\b/,
  'node-pg-migrate': /\bpgm\b/,
  knex: /\bknex\b/i,
};

function toolOfCode(sources: readonly SourceFile[]): string | null {
  const code = sources.filter(({ path }) => mayHoldSql(path));
  const found = Object.entries(inCode).find(([, sign]) => code.some(({ text }) => sign.test(text)));
  return found?.[0] ?? null;
}

/** Files in the order in which the tool runs them. */
export interface Ordered {
  readonly files: readonly ForeignFile[];
  /** Those that the tool's own list does not name. */
  readonly unlisted: readonly ForeignFile[];
  /** What the list names without a file. */
  readonly missing: readonly string[];
}

/**
 * Puts files into the order of a tool.
 * @throws SqlmigError `bad-file-name` if the tool is not known and tools would order the files differently.
 */
export function inToolOrder(
  files: readonly ForeignFile[],
  tool: string | null,
  sources: readonly SourceFile[],
): Ordered {
  const order = tool === null ? null : (orders[tool] ?? null);
  if (order === 'journal') return listedFirst(files, journalIn(sources)?.map(({ tag }) => tag) ?? []);
  if (order === 'plan') return listedFirst(files, plannedFiles(sources) ?? []);
  if (order === 'revisions') return listedFirst(files, revisionsOf(sources));
  const byNames = [...files].sort(compareNames);
  const byNumbers = [...files].sort((a, b) => compareParts(a, b) || compareNames(a, b));
  if (order !== null) return { files: order === 'names' ? byNames : byNumbers, unlisted: [], missing: [] };
  const differs = byNames.findIndex((file, i) => file !== byNumbers[i]);
  if (differs === -1) return { files: byNumbers, unlisted: [], missing: [] };
  const [one, other] = [byNames[differs], byNumbers[differs]].map((file) => file?.source.path);
  throw new SqlmigError(
    'bad-file-name',
    `${one} sorts before ${other} by name but after it by number, and tools differ`,
    { hint: 'name the tool that ran them, for example: --from-tool knex' },
  );
}

function compareNames(a: ForeignFile, b: ForeignFile): number {
  return compareTexts(a.stem, b.stem) || compareTexts(a.source.path, b.source.path);
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareParts({ parts: a }: ForeignFile, { parts: b }: ForeignFile): number {
  if (a === null || b === null) return (a === null ? 1 : 0) - (b === null ? 1 : 0);
  return compareVersionParts(a, b);
}

function listedFirst(files: readonly ForeignFile[], list: readonly string[]): Ordered {
  const places = new Map(list.map((name, i) => [name, i]));
  const placeOf = (file: ForeignFile) => places.get(file.stem) ?? places.get(file.source.path);
  const listed = files.filter((file) => placeOf(file) !== undefined);
  const found = new Set(listed.map(placeOf));
  return {
    files: listed.sort((a, b) => (placeOf(a) ?? 0) - (placeOf(b) ?? 0)),
    unlisted: files.filter((file) => placeOf(file) === undefined),
    missing: [...places].filter(([, place]) => !found.has(place)).map(([name]) => name),
  };
}

/** The paths of Alembic's files, each after those it depends on. */
function revisionsOf(sources: readonly SourceFile[]): readonly string[] {
  const byRevision = new Map(
    sources.flatMap((source) => alembicReader.keysOf(source, sources).map((id) => [id, source.path])),
  );
  const rows = [...byRevision.keys()].map((id) => ({ version_num: id }));
  const recorded = alembicReader.recorded({ rows, beside: {} }, sources);
  return 'refused' in recorded ? [] : recorded.flatMap(({ name }) => byRevision.get(name) ?? []);
}
