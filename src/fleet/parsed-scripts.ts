import type { WantedExtension } from '../execute/extensions.ts';
import type { Config } from '../project/config.ts';
import { type Migrations, type ParsedFiles, type ParseOptions, parseAll } from '../project/migrations.ts';
import type { Session } from '../server/session.ts';
import type { Migration, Script } from '../sql/migration.ts';
import { type SettledExtensions, settleExtensions } from './extensions.ts';

/** The parsed files of a command that only reads. */
export interface ParsedScripts {
  readonly brokenDown: ParsedFiles['brokenDown'];
  readonly all: () => Script[];
  /** The scripts of these migrations, in the same order. */
  readonly of: (migrations: Iterable<Migration>) => Script[];
  /** Removes `CREATE EXTENSION` from scripts (see `settleExtensions`). Returns the missing extensions. */
  readonly settle: (
    session: Session,
    scripts: readonly Script[],
    created: readonly WantedExtension[],
  ) => Promise<SettledExtensions['missing']>;
}

/** Parses all files. @throws SqlmigError with every mistake in `all`. */
export async function parseScripts(
  migrations: Migrations,
  config: Config,
  options?: ParseOptions,
): Promise<ParsedScripts> {
  const { scripts, brokenDown } = await parseAll(migrations, options);
  const current = new Map(scripts);
  return {
    brokenDown,
    all: () => [...current.values()],
    of: (wanted) => [...wanted].flatMap((migration) => current.get(migration) ?? []),
    async settle(session, open, created) {
      const settled = await settleExtensions(session, { scripts: open, created }, config);
      for (const script of settled.scripts) current.set(script.migration, script);
      return settled.missing;
    },
  };
}
