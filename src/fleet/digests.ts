import { asSqlmigError } from '../execute/failure.ts';
import { keepDigests, readKeptDigests } from '../execute/kept-digest.ts';
import type { SchemaOutcome } from '../results.ts';
import type { Session } from '../server/session.ts';
import type { HistoryDigests } from '../tenants/tenants.ts';
import type { Migrator } from './migrator.ts';

/** The digests of histories that a run finds in the catalog and leaves there. */
export interface Digests {
  /** Those that are current; none if the config does not enable them. */
  read(session: Session): Promise<HistoryDigests>;
  /** Keeps those of tenants that have none, or none any more. Never fails: what is missing is read from the table. */
  keep(outcomes: readonly SchemaOutcome[]): Promise<void>;
}

/** Digests of a run, for `up`. */
export function createDigests({ run, context, settings }: Migrator): Digests {
  let kept: HistoryDigests = new Map();
  const notKept = (why: string) =>
    settings.emit({ type: 'warning', message: `digests are not kept: ${why}` });
  // There the trigger that removes a digest runs where the rows are, and the digest is on the coordinator.
  const { isCitus } = run.server;
  return {
    async read(session) {
      if (run.config.digest && !isCitus) kept = await readKeptDigests(session, context);
      return kept;
    },
    async keep(outcomes) {
      if (!run.config.digest || settings.rehearse || settings.signal.aborted) return;
      if (isCitus) return notKept('Citus stores the histories of tenants on other servers');
      const lost = outcomes.filter(
        ({ schema, scope, migrations, error }) =>
          scope === 'tenant' && error === undefined && (migrations.length > 0 || !kept.has(schema)),
      );
      const names = lost.map(({ schema }) => schema);
      await run
        .read((session) => keepDigests(session, names, context))
        .catch((error: unknown) => notKept(asSqlmigError(error, run.config.publicSchema).message));
    },
  };
}
