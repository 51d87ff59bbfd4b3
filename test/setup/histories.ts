import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach } from 'vitest';
import { findForeignTables } from '../../src/history/foreign-tables.ts';
import {
  type ForeignReading,
  indexFiles,
  readForeignHistory,
} from '../../src/history/import/foreign-reading.ts';
import type { Refusal, SourceFile } from '../../src/history/import/history-reader.ts';
import { readerOf } from '../../src/history/import/readers.ts';
import { readFoundTables } from '../../src/history/read-foreign.ts';
import type { Session } from '../../src/server/session.ts';
import { freshDatabase, type TestDatabase } from './database.ts';
import { testSession } from './unit.ts';

const samples = fileURLToPath(new URL('../fixtures/histories', import.meta.url));

/** The text of a file among the samples. */
export const sampleText = (file: string) => readFileSync(join(samples, file), 'utf8');

/** The names of the samples in a folder. */
export const sampleNames = (folder: string) => readdirSync(join(samples, folder)).sort();

const inputs = sampleNames('files');

/** The five files that the samples were made from, under other names; `i` counts from 1. */
export function inputFiles(named: (name: string, i: number) => string): SourceFile[] {
  return inputs.map((file, i) => ({
    path: named(file.replace('.sql', ''), i + 1),
    text: sampleText(`files/${file}`),
  }));
}

/** A name without its version. */
export const titleOf = (name: string) => name.slice(15);

/** A history in the database, read through its reader. */
export interface ReadSample {
  readonly tool: string;
  readonly place: string;
  readonly reading: ForeignReading | Refusal;
}

async function emptyDatabase(db: TestDatabase): Promise<void> {
  const schemas = await db.query(
    `select quote_ident(nspname) as nspname from pg_namespace where nspname !~ '^(pg_|information_schema)'`,
  );
  const drops = schemas.map(({ nspname }) => `drop schema ${nspname} cascade;`);
  await db.query(`${drops.join('')} create schema public`);
}

/** A database that is empty before each test, and a session in it that has no locks after each. */
export async function emptiedDatabase(): Promise<{ readonly db: TestDatabase; readonly session: Session }> {
  const db = await freshDatabase();
  const session = await testSession(db.url);
  afterAll(() => session.close());
  beforeEach(() => emptyDatabase(db));
  afterEach(() => session.run('rollback; select pg_advisory_unlock_all()'));
  return { db, session };
}

/** Reads every history in the database. */
export async function readSamples(session: Session, files: readonly SourceFile[]): Promise<ReadSample[]> {
  const tables = (await findForeignTables(session)).map((found) => {
    const reader = readerOf(found.tool);
    if (reader === null) throw new Error(`no reader for ${found.tool}`);
    return { found, reader };
  });
  const histories = await readFoundTables(session, tables);
  return tables.map(({ found, reader }) => {
    const history = histories.get(found);
    if (history === undefined || history instanceof Error) throw history;
    const reading = readForeignHistory(indexFiles(reader, files), history);
    return { tool: found.tool, place: `${found.schema}.${found.table}`, reading };
  });
}

/** Reads the only history in the database. */
export async function readOnlySample(session: Session, files: readonly SourceFile[]): Promise<ReadSample> {
  const [only, ...others] = await readSamples(session, files);
  if (only === undefined || others.length > 0) throw new Error('one history was expected');
  return only;
}

/** A reading that is no refusal. */
export function readingOf({ reading }: ReadSample): ForeignReading {
  if ('refused' in reading) throw new Error(reading.refused);
  return reading;
}
