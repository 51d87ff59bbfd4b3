import type { LintSettings } from '../project/lint-settings.ts';
import type { Migrations, ParsedFiles } from '../project/migrations.ts';
import { historyKey } from '../project/order.ts';
import { compareVersions } from '../project/version.ts';
import type { DownFileFinding, LintFinding, Scope } from '../results.ts';
import type { Migration, Script } from '../sql/migration.ts';
import { locator } from '../sql/position.ts';
import { allTargets, type FleetState } from './fleet-state.ts';

/**
 * The pending files that no schema has applied in their current form. Only these are linted, so that a warning does not
 * return with every new tenant. If the tenants are not known yet, every tenant file may be pending.
 */
export function newFiles(fleet: FleetState, { tenant }: Pick<Migrations, 'tenant'>): ReadonlySet<Migration> {
  const targets = allTargets(fleet);
  const keyOf = (scope: Scope, file: Pick<Migration, 'version' | 'name' | 'checksum'>) =>
    `${scope} ${file.checksum} ${historyKey(file)}`;
  // Schemas with equal histories share their rows.
  const histories = new Map(targets.map(({ rows, scope }) => [rows, scope]));
  const applied = new Set([...histories].flatMap(([rows, scope]) => rows.map((row) => keyOf(scope, row))));
  const pending = new Set([
    ...targets.flatMap(({ plan }) => plan.steps),
    ...(fleet.tenantsUnknown === null ? [] : tenant),
  ]);
  return new Set([...pending].filter((file) => !applied.has(keyOf(file.scope, file))));
}

/** Which lints are reported, and for which database. */
interface LintSelection {
  readonly database: string;
  readonly settings: LintSettings;
  /** Includes lints about locks, rewrites and running releases. */
  readonly locks: boolean;
}

/** The lints of scripts, with their locations. */
export function lintFindings(
  scripts: Iterable<Script>,
  { database, settings: { off, after }, locks }: LintSelection,
): LintFinding[] {
  const isOld = (version: string | null) =>
    after !== undefined && version !== null && compareVersions(version, after) <= 0;
  return [...scripts].flatMap(({ migration: { scope, version, name, file, text }, lints, lockLints }) => {
    if (isOld(version)) return [];
    const place = locator(file, text);
    const selected = [...lints, ...(locks ? lockLints : [])].filter(({ rule }) => !off.includes(rule));
    return selected
      .sort((a, b) => a.index - b.index)
      .map(({ rule, index, message }) => {
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

/** The mistakes in `.down.sql` files, with their locations. */
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
