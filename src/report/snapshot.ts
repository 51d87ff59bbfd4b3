import type { CheckedSnapshot, WrittenSnapshot } from '../operations/snapshot.ts';
import { count } from './table.ts';

/** What was written, and what it stands for. */
export function snapshotWrittenText({ file, upTo, files, changed }: WrittenSnapshot): string {
  return `${file}  ${changed ? 'written' : 'unchanged'}  ${standsFor(upTo, files)}\n`;
}

/** Whether the snapshot can be used. */
export function snapshotCheckedText({ file, problem, upTo, newer }: CheckedSnapshot): string {
  if (problem !== undefined) return `${file}  not used: ${problem}\nwrite it again with: sqlmig snapshot\n`;
  const more = newer.length === 0 ? '' : `, ${count(newer.length, 'newer file')} applied after it`;
  return `${file}  current  up to ${upTo ?? 'no version'}${more}\n`;
}

function standsFor(upTo: string | null, files: number): string {
  return upTo === null ? 'no files' : `${count(files, 'file')}, up to ${upTo}`;
}
