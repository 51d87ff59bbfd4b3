import type { OnEvent } from '../events.ts';
import { createExtension, installExtension, type WantedExtension } from '../execute/extensions.ts';
import { type Migrations, parseMigrations } from '../project/migrations.ts';
import type { UnitContext } from '../protocol/unit-context.ts';
import type { Run } from '../run/run.ts';
import type { Session } from '../server/session.ts';
import { scriptForTenant } from '../sql/filling.ts';
import type { Migration, Script } from '../sql/migration.ts';
import { lintFindings } from '../state/lints.ts';
import type { Target } from '../state/target.ts';
import { directUrlNeeded } from './direct-url.ts';
import { extensionsToCreate, requireExtensions, settleExtensions } from './extensions.ts';

/** How migrations are parsed. */
interface Parsing {
  /** Extensions of the config that the database lacks will be created (see `Scripts.install`). */
  readonly installs: boolean;
  /** Files that no schema has applied yet. */
  readonly news: ReadonlySet<Migration>;
}

const nothingNew: Parsing = { installs: false, news: new Set() };

/** The scripts of one run: each migration is parsed once, before the first schema that needs it. */
export interface Scripts {
  /**
   * Parses migrations before any of them runs, and emits the lints of new ones as warnings.
   * @throws SqlmigError with every mistake in `all`.
   */
  parse(steps: readonly Migration[], how?: Parsing): Promise<void>;
  /**
   * The scripts of a schema's pending migrations, in order.
   * @throws SqlmigError `bad-placeholder` for what cannot be filled in with the schema's name.
   */
  of(target: Target): Promise<readonly Script[]>;
  /** The script of a parsed migration for a schema; @throws as `of` does. */
  get(migration: Migration, schema: string): Script | undefined;
  /** The scripts of all parsed migrations, for any schema. */
  readonly all: Map<Migration, Script>;
  /** Creates the extensions of the config that the database lacks. */
  install(context: UnitContext): Promise<void>;
  /** The SQL that `install` would run, for use in a transaction; empty if no extension is missing. */
  readonly installing: string;
}

/** The scripts of a run, which queries the database with the run's own session. */
export function createScripts(run: Run, migrations: Migrations, emit: OnEvent): Scripts {
  const all = new Map<Migration, Script>();
  let lacking: readonly WantedExtension[] = [];
  const accept = async (script: Script, isNew: boolean) => {
    if (script.nonTransactional !== null && run.pooled && (await run.exclusive()) === null)
      throw directUrlNeeded(script);
    all.set(script.migration, script);
    if (!isNew) return;
    const { database, config } = run;
    const lints = lintFindings([script], { database, settings: config.lint, locks: false });
    for (const { file, line, column, message } of lints) {
      emit({ type: 'warning', message: `${file}:${line}:${column}: ${message}`, files: true });
    }
  };
  const settle = (parsed: readonly Script[], installs: boolean) =>
    run.read(async (session: Session) => {
      if (installs) lacking = await extensionsToCreate(session, parsed, run.config);
      return settleExtensions(session, { scripts: parsed, created: lacking }, run.config);
    });
  const parse: Scripts['parse'] = async (steps, { installs, news } = nothingNew) => {
    const missing = steps.filter((step) => !all.has(step));
    if (missing.length === 0 && !installs) return;
    const parsed = [...(await parseMigrations(missing, migrations)).values()];
    const settled = await settle(parsed, installs);
    requireExtensions(settled.missing);
    for (const script of settled.scripts) await accept(script, news.has(script.migration));
  };
  const get: Scripts['get'] = (migration, schema) => {
    const script = all.get(migration);
    return script && scriptForTenant(script, schema);
  };
  return {
    parse,
    all,
    get,
    async of({ schema, plan: { steps } }) {
      await parse(steps);
      return steps.flatMap((step) => get(step, schema) ?? []);
    },
    async install(context) {
      for (const wanted of lacking) await run.read((session) => installExtension(session, wanted, context));
      lacking = [];
    },
    get installing() {
      return lacking.map((wanted) => `${createExtension(wanted)};\n`).join('');
    },
  };
}
