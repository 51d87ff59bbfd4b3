import type { StructureFix, VerifyResult } from '../verify-results.ts';
import { printable } from './table.ts';

/** A fix plan as a SQL script, with one transaction per schema. Whatever is not SQL is a comment. */
export function fixPlanText({ structure, findings }: VerifyResult): string {
  const fixes = structure?.fixes ?? [];
  const notReplayed = findings.filter((finding) => finding.kind === 'not-replayed');
  const skipped = [
    ...notReplayed.map(({ message, schemas }) => ({ schemas, why: message })),
    ...(structure?.notCompared ?? []),
  ].map(({ schemas, why }) => `-- not compared: ${schemas.map(printable).join(', ')} (${printable(why)})\n`);
  const head =
    fixes.length === 0
      ? '-- no differences\n'
      : '-- Read this script before you run it: sqlmig did not run it.\n';
  return head + skipped.join('') + fixes.map(fixText).join('');
}

function fixText({ schemas, statements, without }: StructureFix): string {
  const lacking = without
    .map(({ object, why }) => `-- no statement for ${printable(object)}: ${printable(why)}\n`)
    .join('');
  const blocks = statements.length === 0 ? [] : schemas;
  const title = `\n-- ${schemas.map(({ schema }) => printable(schema)).join(', ')}\n`;
  return (
    title +
    lacking +
    blocks
      .map(
        ({ searchPath }) =>
          `BEGIN;\nSET LOCAL search_path = ${searchPath};\nSET LOCAL lock_timeout = '5s';\n${statements.map((sql) => `${sql};\n`).join('')}COMMIT;\n`,
      )
      .join('')
  );
}
