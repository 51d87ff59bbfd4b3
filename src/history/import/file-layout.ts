import { canonicalVersion } from '../../project/version.ts';

/** True for a file in a layout of one folder per migration, in which the folder has the name. */
export function isInOwnFolder(path: string): boolean {
  return /\/(?:migration|up|down)\.\w+$/.test(path);
}

/** The name that a tool gives a file: without extensions, or the folder's name in layouts of one folder per migration. */
export function migrationName(path: string): string {
  const [file = '', folder] = path.split('/').reverse();
  if (folder !== undefined && isInOwnFolder(path)) return folder;
  return withoutExtension(file);
}

/** A file name without the extensions that migration tools use. */
export function withoutExtension(file: string): string {
  return file.replace(/(?:\.up)?\.(?:sql|[cm]?[jt]s|py|rb|exs|go|yaml)$/, '');
}

/** True for the file that undoes a migration, which no history records. */
export function isUndoFile(path: string): boolean {
  return /(?:^|[/.])(?:down|undo|rollback)\.(?:[^/]*\.)?\w+$/.test(path);
}

const fileLists = { Drizzle: /(?:^|\/)meta\/_journal\.json$/, Sqitch: /(?:^|\/)sqitch\.plan$/ };

/** True for the list in which a tool keeps the order of its files. */
export function isListOf(tool: keyof typeof fileLists, path: string): boolean {
  return fileLists[tool].test(path);
}

/** True for any tool's list of its files, which is no migration itself. */
export function isFileList(path: string): boolean {
  return Object.values(fileLists).some((list) => list.test(path));
}

/** The leading digits of a migration's name, without leading zeros; none if it has none. */
export function versionKeys(path: string): readonly string[] {
  const digits = /^V?(\d+)(?=\D|$)/.exec(migrationName(path))?.[1];
  return digits === undefined ? [] : [canonicalVersion(digits)];
}

/** The name, then the version in it: what tools that record names know a file by. */
export function nameKeys(path: string): readonly string[] {
  return [migrationName(path), ...versionKeys(path)];
}
