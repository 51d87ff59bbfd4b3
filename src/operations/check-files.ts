import { ofEachScope, type ScopePart } from '../databases/scopes.ts';
import type { OnEvent } from '../events.ts';
import { parseScripts } from '../fleet/parsed-scripts.ts';
import { type Config, requireFleetConfig } from '../project/config.ts';
import { type Migrations, readScopes } from '../project/migrations.ts';
import { callback, checkOptions, type Kinds, yesOrNo } from '../project/option.ts';
import type { CheckResult, DownFileFinding, FileFinding, LintFinding } from '../results.ts';
import { callerOf } from '../run/caller.ts';
import { downFindings, lintFindings } from '../state/lints.ts';

/** How strict `checkFiles` is. */
export interface CheckFilesOptions {
  /** Treat warnings as failures. */
  readonly strict?: boolean;
  readonly onEvent?: OnEvent;
}

const kinds: Kinds<CheckFilesOptions> = { strict: yesOrNo, onEvent: callback };

/**
 * Checks all files without a server: names, SQL, transaction rules. Returns lints of all files, those
 * about locks and rewrites too, and mistakes in `.down.sql` files.
 * @throws SqlmigError `bad-usage`, `config-invalid`, and mistakes in the files.
 */
export async function checkFiles(config: Config, options: CheckFilesOptions = {}): Promise<CheckResult> {
  requireFleetConfig(config);
  checkOptions(options, kinds);
  const scopes = await readScopes(config);
  const { emit } = callerOf(options);
  for (const message of scopes[0].migrations.strays) emit({ type: 'warning', message, files: true });
  const parts: ScopePart<readonly FoundInFile[]>[] = [];
  for (const { config: part, migrations } of scopes)
    parts.push({ config: part, result: await checkMigrations(migrations, config) });
  const findings = ofEachScope(parts, (result) => result);
  const files = new Set(
    scopes.flatMap(({ migrations }) => [...migrations.public, ...migrations.tenant, ...migrations.down]),
  );
  return {
    ok: options.strict !== true || findings.length === 0,
    files: files.size,
    findings: findings.map(withoutSchema),
  };
}

type FoundInFile = LintFinding | DownFileFinding;

async function checkMigrations(migrations: Migrations, config: Config): Promise<readonly FoundInFile[]> {
  const { all, brokenDown } = await parseScripts(migrations, config);
  return [
    ...lintFindings(all(), { database: '', settings: config.lint, locks: true }),
    ...downFindings(brokenDown, ''),
  ];
}

function withoutSchema<T extends FileFinding>({ database: _, schema: __, ...finding }: T) {
  return finding;
}
