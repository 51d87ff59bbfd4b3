import { locator } from '../core/position.ts';
import type { ParsedFiles } from '../migrations.ts';
import type { DownFileFinding, LintFinding, Script } from '../model.ts';

/** The lints of scripts, with their places. */
export function lintFindings(scripts: Iterable<Script>, database: string): LintFinding[] {
  return [...scripts].flatMap(({ migration: { scope, version, name, file, text }, lints }) => {
    const place = locator(file, text);
    return lints.map(({ rule, index, message }) => {
      const { line, column } = place(index);
      return {
        kind: 'lint' as const,
        database,
        schema: null,
        scope,
        ...(version !== null && { version }),
        name,
        rule,
        file,
        line,
        column,
        message,
      };
    });
  });
}

/** The mistakes in `.down.sql` files, with their places. */
export function downFindings(broken: ParsedFiles['brokenDown'], database: string): DownFileFinding[] {
  return broken.flatMap(({ migration: { scope, version, name, file }, mistakes }) =>
    mistakes.map(({ message, code, details: { line = 1, column = 1 } }) => ({
      kind: 'down-file' as const,
      database,
      schema: null,
      scope,
      ...(version !== null && { version }),
      name,
      rule: code,
      file,
      line,
      column,
      message,
    })),
  );
}
