import { SqlmigError } from '../errors.ts';
import type { SourceFile } from '../history/import/history-reader.ts';

/** The file next to converted files that lists their originals. */
export const manifestName = 'converted.json';

/** The original of a converted file. */
export interface FileOrigin {
  /** The other tool's file, below the folder that was converted. */
  readonly from: string;
  /** SHA-256 of that file with LF line ends and without a byte order mark, lower-case hex. */
  readonly sha256: string;
  /** The changes to it, in words. */
  readonly changes: readonly string[];
}

/** A file in a manifest; `file` is its name in the folder. */
interface ManifestEntry extends FileOrigin {
  readonly file: string;
}

/** The originals of the files of a folder. */
export interface Manifest {
  /** The tool; `null` if it was not known. */
  readonly tool: string | null;
  readonly files: readonly ManifestEntry[];
  /** The tool's own lists, which are needed to read its history. */
  readonly lists: readonly SourceFile[];
}

/** The text of a manifest. */
export function manifestText({ tool, files, lists }: Manifest): string {
  return `${JSON.stringify({ tool, files, lists }, null, 2)}\n`;
}

/** The manifest of some converted files of one folder. */
export function manifestOf(
  tool: string | null,
  files: readonly (FileOrigin & { readonly name: string })[],
  lists: readonly SourceFile[],
): Manifest {
  return {
    tool,
    files: files.map(({ name, from, sha256, changes }) => ({ file: name, from, sha256, changes })),
    lists,
  };
}

/** Reads a manifest. @throws SqlmigError `file-unreadable` if the text is not a manifest. */
export function parseManifest(text: string, file: string): Manifest {
  try {
    const manifest = JSON.parse(text) as Manifest;
    const isText = (value: unknown) => typeof value === 'string';
    const isManifest =
      manifest.files.every((entry) => [entry.file, entry.from, entry.sha256].every(isText)) &&
      manifest.lists.every((list) => isText(list.path) && isText(list.text));
    if (isManifest) return manifest;
  } catch {
    // Reported below, as a text of another form is.
  }
  throw new SqlmigError('file-unreadable', `${file} does not list the originals of the converted files`, {
    file,
    hint: 'restore it from version control, or convert the files again into empty folders',
  });
}
