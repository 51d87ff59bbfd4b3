import type {
  CheckedFile,
  CheckedKind,
  CheckedSnapshot,
  WrittenFile,
  WrittenKind,
  WrittenSnapshot,
} from '../operations/snapshot.ts';
import { count } from './table.ts';

/** The written snapshots, and the files that they replace. */
export function snapshotWrittenText({ kinds, ...own }: WrittenSnapshot): string {
  if (kinds === undefined) return writtenLine(own);
  return [...(own.files === 0 ? [] : [writtenLine(own)]), ...kinds.map(kindLine)].join('');
}

function writtenLine({ file, upTo, files, changed }: WrittenFile): string {
  return `${file}  ${changed ? 'written' : 'unchanged'}  ${standsFor(upTo, files)}\n`;
}

function kindLine({ error, ...written }: WrittenKind): string {
  if (error === undefined) return writtenLine(written);
  const hint = error.hint === undefined ? '' : `  hint: ${error.hint}\n`;
  return `${written.file}  not written\n  ${error.message}\n${hint}`;
}

/** Whether the snapshots can be used. */
export function snapshotCheckedText({ kinds = [], ok, ...own }: CheckedSnapshot): string {
  const isOwnOk = own.problem === undefined;
  const isUnused = kinds.length > 0 && isOwnOk && own.upTo === null;
  const lines = [...(isUnused ? [] : [checkedLine({ ...own, ok: isOwnOk })]), ...kinds.map(checkedKindLine)];
  return `${lines.join('')}${ok ? '' : 'write it again with: sqlmig snapshot\n'}`;
}

function checkedKindLine(kind: CheckedKind): string {
  if (!kind.exists) return `${kind.file}  none  tenants get the files of scope ${kind.scope} one by one\n`;
  return checkedLine(kind);
}

function checkedLine({ file, problem, upTo, newer }: CheckedFile): string {
  if (problem !== undefined) return `${file}  not used: ${problem}\n`;
  const more = newer.length === 0 ? '' : `, ${count(newer.length, 'newer file')} applied after it`;
  return `${file}  current  up to ${upTo ?? 'no version'}${more}\n`;
}

function standsFor(upTo: string | null, files: number): string {
  return upTo === null ? 'no files' : `${count(files, 'file')}, up to ${upTo}`;
}
