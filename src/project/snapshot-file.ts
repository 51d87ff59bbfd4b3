import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Scope } from '../results.ts';
import { type SessionValues, sessionSettings } from '../server/session-values.ts';
import type { Migration } from '../sql/migration.ts';
import { placeholderNames } from '../sql/placeholders.ts';
import type { Config } from './config.ts';
import { checksumOf, decode } from './decode.ts';
import { shownPath } from './migration-folder.ts';
import { migrationLabel } from './order.ts';
import { snapshotPath } from './snapshot-path.ts';

/** A file that a snapshot replaces. */
export interface CoveredFile {
  readonly version: string;
  readonly name: string;
  readonly checksum: string;
  /** The number of its statements, which its history row has. */
  readonly statements: number;
}

/** A file of another scope, which runs before the files that a snapshot replaces. */
export type EarlierFile = Pick<Migration, 'version' | 'name' | 'checksum'>;

/** What the tenant files build, as SQL in one file. */
export interface Snapshot {
  /** All public files, in running order. */
  readonly public: readonly EarlierFile[];
  /** All files of all tenants, in running order, if a kind's files were replayed after them; otherwise none. */
  readonly tenant: readonly EarlierFile[];
  /** Those of the session that replayed the files. */
  readonly session: SessionValues;
  /** The versioned tenant files up to one of them, in running order. */
  readonly covers: readonly CoveredFile[];
  /** See `snapshotSettings`. */
  readonly settings: string;
  /** SQL with placeholders, which are filled in even if the config has no `vars`. */
  readonly sql: string;
}

/** A snapshot as it was found. */
export interface FoundSnapshot extends Snapshot {
  /** Its path as messages show it. */
  readonly file: string;
  /** The text of the file. */
  readonly text: string;
  /** The text is as `snapshot` wrote it. */
  readonly isIntact: boolean;
}

const title = `-- What the tenant files below build. Written by "sqlmig snapshot", and loaded by "sqlmig tenant create".
-- Do not edit it: a snapshot that was edited is not used.
`;
const sumLine = /^-- checksum ([0-9a-f]{64})$/m;
const settingsLine = /^-- settings ([0-9a-f]{64})$/m;
const fileLine = /^-- file ([0-9a-f]{64}) (\d+) (\d+)_(.*)$/gm;
const earlierLine = /^-- (public|tenant) ([0-9a-f]{64}) (?:(\d+)|R_)_(.*)$/gm;
const sessionLine = /^-- session (\w+) (.*)$/gm;
const endOfHead = '-- end\n';

/** The text of a snapshot's file. */
export function snapshotText({ covers, session, settings, sql, ...earlier }: Snapshot): string {
  const files = covers.map((file) => `-- file ${file.checksum} ${file.statements} ${migrationLabel(file)}\n`);
  const values = sessionSettings.map((name) => `-- session ${name} ${session[name]}\n`);
  const others = (['public', 'tenant'] as const).flatMap((scope) =>
    earlier[scope].map((file) => `-- ${scope} ${file.checksum} ${migrationLabel(file)}\n`),
  );
  const rest = `-- settings ${settings}\n${values.join('')}${others.join('')}${files.join('')}${endOfHead}${sql}`;
  return `${title}-- checksum ${checksumOf(rest)}\n${rest}`;
}

/** Reads the snapshot of a project; `null` if it has none. One that is no snapshot at all is not intact. */
export function readSnapshot(config: Pick<Config, 'tenantDir' | 'cwd'>): FoundSnapshot | null {
  let bytes: Buffer;
  try {
    bytes = readFileSync(snapshotPath(config));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const decoded = decode(bytes);
  return parseSnapshot('text' in decoded ? decoded.text : '', shownSnapshot(config));
}

/** The path of the snapshot as messages show it. */
export function shownSnapshot(config: Pick<Config, 'tenantDir' | 'cwd'>): string {
  return shownPath(config.cwd, snapshotPath(config));
}

/** Reads the text of a snapshot's file. */
export function parseSnapshot(given: string, file: string): FoundSnapshot {
  const text = given.replace(/\r\n?/g, '\n');
  const [sum = '', checksum] = sumLine.exec(text) ?? [];
  const rest = text.slice(text.indexOf(sum) + sum.length + 1);
  const end = rest.indexOf(endOfHead);
  const head = rest.slice(0, Math.max(end, 0));
  return {
    file,
    text,
    isIntact: end !== -1 && checksum === checksumOf(rest) && text.startsWith(title),
    settings: settingsLine.exec(head)?.[1] ?? '',
    covers: [...head.matchAll(fileLine)].map(([, sha = '', statements, version = '', name = '']) => ({
      version,
      name,
      checksum: sha,
      statements: Number(statements),
    })),
    public: earlierFiles(head, 'public'),
    tenant: earlierFiles(head, 'tenant'),
    session: Object.fromEntries(
      [...head.matchAll(sessionLine)].map(([, name, value]) => [name, value]),
    ) as SessionValues,
    sql: rest.slice(end + endOfHead.length),
  };
}

function earlierFiles(head: string, scope: Scope): EarlierFile[] {
  return [...head.matchAll(earlierLine)].flatMap(([, of, checksum = '', version, name = '']) =>
    of === scope ? [{ version: version ?? null, name, checksum }] : [],
  );
}

/** The digest of what a snapshot depends on besides its files: the meaning of names, and the values of placeholders. */
export function snapshotSettings(
  { publicSchema, searchPath, vars }: Pick<Config, 'publicSchema' | 'searchPath' | 'vars'>,
  files: readonly Pick<Migration, 'text'>[],
): string {
  const used = new Set(vars === null ? [] : files.flatMap(({ text }) => placeholderNames(text)));
  const values = Object.entries(vars ?? {})
    .filter(([name]) => used.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([publicSchema, searchPath, values]))
    .digest('hex');
}
