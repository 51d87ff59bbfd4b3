import type { ToolSession } from '../adopt/foreign-histories.ts';
import type { HistoryImport, RefusedHistory } from '../adopt/import-proposals.ts';
import { refusalLines, sessionLine, timeText } from './adopt.ts';
import { count, groupBy, names, paragraph, printable, schemaNames } from './table.ts';

/** What an import would record, a paragraph for schemas that are alike. */
export function importsText(imports: readonly HistoryImport[]): string {
  return groupBy(imports, ({ schema, from, ...rest }) => JSON.stringify([rest, placeOf(schema, from)]))
    .map((group) => importParagraph(group as [HistoryImport]))
    .join('');
}

// Tables in their own schemas are alike.
function placeOf(schema: string, from: HistoryImport['from']): string {
  return from.schema === schema ? from.table : `${from.schema}.${from.table}`;
}

function importParagraph(group: readonly [HistoryImport, ...HistoryImport[]]): string {
  const [{ schema, scope, tool, from, renamedTo, applied, checkedBy, equal, time, leftOut }] = group;
  const who = schemaNames(group, 5);
  const unverified = applied > equal ? `, ${applied - equal} not verified` : '';
  const compared =
    checkedBy === null ? 'the tool records no checksum' : `${equal} equal by ${checkedBy}${unverified}`;
  const lines = [
    `${count(applied, `${scope} file`)} recorded as applied; ${compared}`,
    timeText(time),
    ...(leftOut.length === 0 ? [] : [`left out, without a file: ${names(leftOut, 5)}`]),
    renamedTo === null
      ? 'its table stays, and a trigger refuses writes to it'
      : `its table is renamed to ${printable(renamedTo)}`,
  ];
  return paragraph(`${tool}: ${printable(placeOf(schema, from))} in ${who}`, lines);
}

/** Why nothing is imported. */
export function refusedText(refused: readonly RefusedHistory[], sessions: readonly ToolSession[]): string {
  const groups = groupBy(refused, ({ schema: _, ...rest }) => JSON.stringify(rest));
  const paragraphs = groups.map((group) => {
    const [first] = group as [RefusedHistory];
    const { tool, table } = first;
    const who = schemaNames(group, 5);
    const title = tool === null ? who : `${tool}: ${printable(table ?? '')} in ${who}`;
    return paragraph(title, refusalLines(first));
  });
  return paragraphs.join('') + sessions.map(sessionLine).join('');
}

/** Schemas with a history that are not tenants. With `hasScopes` they may belong to a kind. */
export function unlistedText(unlisted: readonly string[], hasScopes: boolean): string {
  if (unlisted.length === 0) return '';
  const kinds = hasScopes ? `; ${kindsHint}` : '';
  return `not imported, because the tenant source does not list them: ${names(unlisted, 5)}\nhint: list them with "tenants" in the config, and run the command again${kinds}\n`;
}

const kindsHint =
  'if only a scope lists them, use a config for the files of this scope alone, as docs/scopes.md shows';
