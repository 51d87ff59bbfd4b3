import type { AdoptedSchema } from '../adopt/import-histories.ts';
import { migrationLabel } from '../project/order.ts';
import type { ChangedChecksum } from '../repair/changed-checksums.ts';
import type { MissingFile } from '../repair/forgotten-files.ts';
import type { IncompleteMigration } from '../repair/incomplete-migration.ts';
import type { RepairedSchema } from '../repair/repair.ts';
import { count, distinctNames, groupBy, names, printable, schemaNames } from './table.ts';

/** Changed and renamed files, one paragraph per file: which schemas applied which variant. */
export function changedText(changed: readonly ChangedChecksum[]): string {
  if (changed.length === 0) return 'no applied file has changed\n';
  return groupBy(changed, ({ file }) => file)
    .map((ofFile) => {
      const variants = groupBy(ofFile, ({ from, appliedName }) => `${from} ${appliedName}`).map((group) => {
        const [{ name, appliedName, from }] = group as [ChangedChecksum];
        const who = schemaNames(group, 10);
        const as = `${name === appliedName ? '' : `${printable(appliedName)}, `}${from.slice(0, 12)}`;
        return `  applied as ${as} in ${count(group.length, 'schema')}: ${who}\n`;
      });
      return `${printable(ofFile[0]?.file ?? '')} is now ${ofFile[0]?.to.slice(0, 12)}\n${variants.join('')}`;
    })
    .join('');
}

/** Applied migrations whose files are missing, one line each. */
export function missingText(missing: readonly MissingFile[]): string {
  if (missing.length === 0) return 'no file is missing\n';
  return groupBy(missing, ({ scope, version, name }) => JSON.stringify([scope, version, name]))
    .map((group) => {
      const [missed] = group as [MissingFile];
      return `${missed.scope} ${printable(migrationLabel(missed))} has no file and is applied in ${count(group.length, 'schema')}: ${schemaNames(group, 10)}\n`;
    })
    .join('');
}

/** Incomplete migrations and where they stopped; schemas that stopped at the same place share a paragraph. */
export function incompleteText(found: readonly IncompleteMigration[]): string {
  if (found.length === 0) return 'no migration is incomplete\n';
  return groupBy(found, ({ schema: _, database: __, ...rest }) => JSON.stringify(rest))
    .map((group) => incompleteParagraph(group as [IncompleteMigration]))
    .join('');
}

function incompleteParagraph(group: readonly [IncompleteMigration, ...IncompleteMigration[]]): string {
  const [found] = group;
  const who = schemaNames(group, 10);
  const { file, atStatement, doneStatements, statements, doubtful, invalidIndexes, inParts } = found;
  const between =
    doneStatements === 0
      ? 'before its first statement'
      : `after statement ${doneStatements} of ${statements}`;
  const at = doubtful === null ? between : `at statement ${atStatement} of ${statements}`;
  const invalid = invalidIndexes.length === 0 ? '' : `  invalid indexes: ${names(invalidIndexes, 10)}\n`;
  const text =
    doubtful === null ? '' : `  started: ${printable(doubtful.replace(/\s+/g, ' ')).slice(0, 100)}\n`;
  const part = inParts ? '  part of its work may be committed\n' : '';
  return `${printable(file)} stopped in ${who} ${at} (${doneStatements} done)\n${text}${part}${invalid}`;
}

/** The outcomes of schemas, one line per state. */
export function statesText(schemas: readonly (RepairedSchema | AdoptedSchema)[]): string {
  return groupBy(schemas, ({ state }) => state)
    .map((group) => {
      const size = count(distinctNames(group).length, 'schema');
      return `${group[0]?.state}  ${size}: ${schemaNames(group, 10)}\n`;
    })
    .join('');
}
