import { type Migrations, parseMigrations } from '../project/migrations.ts';
import { compareVersions } from '../project/version.ts';
import type { Scope } from '../results.ts';
import { createBeyondDatabase } from '../sql/beyond-database.ts';
import type { Migration } from '../sql/migration.ts';
import type { ParsedStatement } from '../sql/parse.ts';
import { locate } from '../sql/position.ts';
import { blankOut, withSemicolon } from '../sql/ranges.ts';
import { parseWithStandIns } from '../sql/stand-ins.ts';
import type { LeftOutStatement } from '../verify-results.ts';

/**
 * The files of a scope that a baseline covers: those up to a version, and the repeatables if that is all of them, since
 * they build on the newest structure.
 */
export function coveredBy(files: readonly Migration[], version: string): Migration[] {
  const isWithin = ({ version: own }: Migration) => own !== null && compareVersions(own, version) <= 0;
  const isAll = files.every((file) => file.version === null || isWithin(file));
  return files.filter((file) => isWithin(file) || (isAll && file.version === null));
}

/** The contents of a database before files are replayed in it. */
export interface Furniture {
  readonly extensions: ReadonlySet<string>;
  readonly schemas: ReadonlySet<string>;
}

/** Files as a replay runs them. */
export interface ReplayableFiles {
  readonly migrations: Migrations;
  readonly leftOut: readonly LeftOutStatement[];
}

/**
 * Removes statements that would affect more than the database in which they are replayed (roles, other databases,
 * settings of the server, subscriptions, replication slots), and those that create extensions and schemas which already exist.
 * @throws SqlmigError with every mistake in the files.
 */
export async function replayableFiles(
  migrations: Migrations,
  covered: Readonly<Record<Scope, readonly Migration[]>>,
  has: Furniture,
): Promise<ReplayableFiles> {
  const scripts = await parseMigrations([...covered.public, ...covered.tenant], migrations);
  const leftOut: LeftOutStatement[] = [];
  const reasonToSkip = createBeyondDatabase();
  const changed = new Map<Migration, Migration>();
  for (const [migration, script] of scripts) {
    const parsed = await parseWithStandIns(script);
    const statements = 'statements' in parsed ? parsed.statements : [];
    const beyond = statements.flatMap((statement) => {
      const what = reasonToSkip(statement, script.text.slice(statement.start, statement.end));
      return what === null ? [] : [{ ...withSemicolon(script.text, statement), what }];
    });
    leftOut.push(
      ...beyond.map(({ start, what }) => {
        const { file, line } = locate(migration.file, migration.text, start);
        return { file, line, what };
      }),
    );
    const creates = [
      ...script.extensions.filter(({ kind, name }) => kind === 'create' && has.extensions.has(name)),
      ...statements.filter((statement) => isSchemaOf(statement, has.schemas)),
    ];
    const present = creates.map((statement) => withSemicolon(script.text, statement));
    const ranges = [...beyond, ...present].sort((a, b) => a.start - b.start);
    changed.set(migration, { ...migration, text: blankOut(migration.text, ranges) });
  }
  const ofScope = (scope: Scope) => covered[scope].map((migration) => changed.get(migration) ?? migration);
  const { readSnapshot: _, ...rest } = migrations;
  return {
    migrations: { ...rest, public: ofScope('public'), tenant: ofScope('tenant'), down: [] },
    leftOut,
  };
}

function isSchemaOf({ kind, fields }: ParsedStatement, schemas: ReadonlySet<string>): boolean {
  const isPlain = kind === 'CreateSchemaStmt' && fields.schemaElts === undefined;
  return isPlain && schemas.has(String(fields.schemaname));
}
