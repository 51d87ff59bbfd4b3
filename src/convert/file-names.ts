import { isInOwnFolder, migrationName } from '../history/import/file-layout.ts';
import type { SourceFile } from '../history/import/history-reader.ts';
import { dateAsNumber } from '../project/file-name.ts';
import { databaseOf } from './database-names.ts';

/** The parts of the name of another tool's file. */
export interface ForeignFile {
  readonly source: SourceFile;
  readonly language: 'SQL' | 'other';
  readonly kind: 'up' | 'down' | 'repeatable' | 'baseline';
  /** The name without its kind and language; both directions of a migration share it. */
  readonly stem: string;
  /** The numbers of its version, the most significant first; `null` if the name has none. */
  readonly parts: readonly string[] | null;
  /** What follows the version. */
  readonly title: string;
  /** The folder of the migration, or of its folder if each migration has one. */
  readonly folder: string;
  /** The database in its name, which the file is for; absent if it is for all. */
  readonly database?: string;
}

const flywayKinds: Readonly<Record<string, ForeignFile['kind']>> = { U: 'down', B: 'baseline' };
const flyway = /^([VUB])(\d+(?:[._]\d+)*)__(.+)$/s;
const ways = /^(.+)\.(up|down|undo|rollback)$/s;
const ofPop = /^(\d+_[^.]+)(?:\.([a-z\d]+))?(?:\.autocommit)?$/;
// db-migrate keeps the SQL of x.js in sqls/x-up.sql.
const beside = /^(.+)-(up|down)$/s;
const dotted = /^(\d+)\.(do|undo)(?:\.(.+))?$/s;
const severalNumbers = /^V?(\d+(?:[-_.]\d+)+)(?![\p{L}\p{N}])(.*)$/su;
const oneNumber = /^(?:V|Migration)?(\d+)(.*)$/s;

/** Parses the name and folder of another tool's file. */
export function readFileName(source: SourceFile): ForeignFile {
  const segments = source.path.split('/');
  const file = segments.pop() ?? '';
  const language = file.endsWith('.sql') ? 'SQL' : 'other';
  const bare = file.replace(/\.\w+$/, '');
  const inOwnFolder = isInOwnFolder(source.path);
  const folder = (inOwnFolder ? segments.slice(0, -1) : segments).join('/');
  const named = (kind: ForeignFile['kind'], stem: string): ForeignFile => ({
    source,
    language,
    kind,
    stem,
    folder,
    ...versionOf(stem),
  });
  if (inOwnFolder) return named(bare === 'down' ? 'down' : 'up', segments.at(-1) ?? '');
  if (bare.startsWith('R__')) {
    return { ...named('repeatable', bare), parts: null, title: bare.slice(3) };
  }
  const [, letter, version = '', description = ''] = flyway.exec(bare) ?? [];
  if (letter !== undefined) {
    const kind = flywayKinds[letter] ?? 'up';
    const parts = dateAsNumber(version)?.split('.') ?? version.split(/[._]/);
    return { ...named(kind, version), parts, title: description };
  }
  const [, number = '', way, title = ''] = dotted.exec(bare) ?? [];
  if (way !== undefined) {
    return { ...named(way === 'undo' ? 'down' : 'up', number), parts: [number], title };
  }
  const isBeside = segments.at(-1) === 'sqls';
  const [, stem, direction = ''] = (isBeside ? beside : ways).exec(bare) ?? [];
  if (stem !== undefined) {
    const kind = direction === 'up' ? 'up' : 'down';
    if (isBeside) return { ...named(kind, stem), folder: segments.slice(0, -1).join('/') };
    const { name, ...variant } = variantOf(stem);
    return { ...named(kind, name), ...variant };
  }
  return named('up', migrationName(file));
}

/** The name that the files of a migration share in pop, without the database that each is for. */
function variantOf(stem: string): Pick<ForeignFile, 'database'> & { readonly name: string } {
  const [, name = stem, suffix] = ofPop.exec(stem) ?? [];
  if (suffix === undefined || suffix === 'autocommit') return { name };
  const database = databaseOf(suffix);
  return database === null ? { name: stem } : { name, database };
}

function versionOf(stem: string): Pick<ForeignFile, 'parts' | 'title'> {
  const [, several, after = ''] = severalNumbers.exec(stem) ?? [];
  if (several !== undefined) {
    const date = dateAsNumber(several);
    if (date !== null) return { parts: [date], title: trimmed(after) };
    if (/^\d+\./.test(several)) return { parts: several.split(/[-_.]/), title: trimmed(after) };
  }
  const [, number, rest = ''] = oneNumber.exec(stem) ?? [];
  return number === undefined ? { parts: null, title: stem } : { parts: [number], title: trimmed(rest) };
}

function trimmed(title: string): string {
  return title.replace(/^[-_.\s]+/, '');
}
