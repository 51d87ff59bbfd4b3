import { withoutComments } from './comments.ts';
import { foldedName, identifierPattern } from './identifier.ts';

const calls = /\b(?:nextval|setval)\b/giu;
const name = String.raw`((?:(?:${identifierPattern})\s*\.\s*)?)(${identifierPattern})`;
const constant = String.raw`('+)\s*${name}\s*\1(?:\s*::\s*(?:pg_catalog\s*\.\s*)?(?:regclass|text))?`;
const ofColumn = String.raw`(?:pg_catalog\s*\.\s*)?pg_get_serial_sequence\s*\(\s*('+)\s*${name}\s*\4\s*,`;
const argument = new RegExp(String.raw`"?\s*\(\s*(?:${constant}\s*[,)]|${ofColumn})`, 'iuy');

/**
 * The sequences, or tables with a serial column, that calls of `nextval` and `setval` in a text name, even in blocks
 * and strings; `null` for a call that computes the name. A rollback does not undo these calls.
 */
export function sequencesCalled(text: string): (string | null)[] {
  const own = withoutComments(text).text;
  return [...own.matchAll(calls)].map(({ 0: call, index }) => {
    argument.lastIndex = index + call.length;
    const found = argument.exec(own);
    const named = found?.[3] ?? found?.[6];
    return named === undefined ? null : foldedName(named);
  });
}
