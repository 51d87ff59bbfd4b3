import { foldedName, identifierPattern } from './identifier.ts';
import type { Script, Statement } from './migration.ts';

const dotted = new RegExp(String.raw`(?:${identifierPattern})(?:\s*\.\s*(?:${identifierPattern}))*`, 'uy');
const identifiers = new RegExp(identifierPattern, 'gu');
const quoted = /["»«„“]\s?(.+?)\s?["»«“”]/u;

/** The name at a UTF-16 index, without quotes; `null` if there is none or it is qualified. */
export function nameAt(text: string, index: number): string | null {
  dotted.lastIndex = index;
  const names = dotted.exec(text)?.[0].match(identifiers) ?? [];
  const [name] = names;
  return name === undefined || names.length > 1 ? null : foldedName(name);
}

/** The name in quotes in a server message of any language; `null` if there is none or it is qualified. */
export function nameIn(message: string): string | null {
  const name = quoted.exec(message)?.[1];
  return name === undefined || name.includes('.') ? null : name;
}

/**
 * The last statement (from 0) before statement `k` that changes `search_path`, by its text; `null` if there is none.
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
