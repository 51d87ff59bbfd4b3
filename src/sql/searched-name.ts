import type { Script, Statement } from './migration.ts';

const part = String.raw`(?:"(?:[^"]|"")+"|[\p{L}_][\p{L}\p{N}_$]*)`;
const dotted = new RegExp(String.raw`${part}(?:\s*\.\s*${part})*`, 'uy');
const parts = new RegExp(part, 'gu');
const quoted = /["»«„“]\s?(.+?)\s?["»«“”]/u;

/** The name that begins at a UTF-16 index, without its quotes; `null` if there is none or it is qualified. */
export function nameAt(text: string, index: number): string | null {
  dotted.lastIndex = index;
  const names = dotted.exec(text)?.[0].match(parts) ?? [];
  const [name] = names;
  if (name === undefined || names.length > 1) return null;
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.toLowerCase();
}

/** The name that a message of the server quotes, in whatever language; `null` if there is none or it is qualified. */
export function nameIn(message: string): string | null {
  const name = quoted.exec(message)?.[1];
  return name === undefined || name.includes('.') ? null : name;
}

/**
 * The last statement (from 0) before statement `k` that changes `search_path`, judged by its text; `null` if there is
 * none.
 */
export function pathChangeBefore({ statements }: Script, k: number): number | null {
  const at = statements.slice(0, k).findLastIndex(changesPath);
  return at === -1 ? null : at;
}

function changesPath({ kind, reach: { words } }: Statement): boolean {
  switch (kind) {
    case 'VariableSetStmt':
      return words.has('search_path') || words.has('VAR_RESET_ALL');
    case 'SelectStmt':
      return words.has('search_path') && words.has('set_config');
    case 'DoStmt':
      return words.has('search_path');
    default:
      return false;
  }
}
