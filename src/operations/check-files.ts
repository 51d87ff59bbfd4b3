import type { OnEvent } from '../events.ts';
import { parseScripts } from '../fleet/parsed-scripts.ts';
import { type Config, requireFleetConfig } from '../project/config.ts';
import { readMigrations } from '../project/migrations.ts';
import { callback, checkOptions, type Kinds, yesOrNo } from '../project/option.ts';
import type { CheckResult, FileFinding } from '../results.ts';
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
  const migrations = await readMigrations(config);
  const { emit } = callerOf(options);
  for (const message of migrations.strays) emit({ type: 'warning', message });
  const { all, brokenDown } = await parseScripts(migrations, config);
  const findings = [
    ...lintFindings(all(), { database: '', settings: config.lint, locks: true }),
    ...downFindings(brokenDown, ''),
  ];
  return {
    ok: options.strict !== true || findings.length === 0,
    files: migrations.public.length + migrations.tenant.length + migrations.down.length,
    findings: findings.map(withoutSchema),
  };
}

function withoutSchema<T extends FileFinding>({ database: _, schema: __, ...finding }: T) {
  return finding;
}
