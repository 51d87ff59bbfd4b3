import { asSqlmigError } from '../execute/failure.ts';
import { readStoredDigests, storeDigests } from '../execute/kept-digest.ts';
import type { SchemaOutcome } from '../results.ts';
import type { Session } from '../server/session.ts';
import type { HistoryDigests } from '../tenants/tenants.ts';
import type { Migrator } from './migrator.ts';

/** The digests of histories that a run reads from the catalog and stores there. */
export interface Digests {
  /** Reads the current digests; none if the config does not enable them. */
  read(session: Session): Promise<HistoryDigests>;
  /** Stores the digests that tenants lack. Never fails: a run reads the table of a tenant without a digest. */
  keep(outcomes: readonly SchemaOutcome[]): Promise<void>;
}

/** The digests of a run of `up`. */
export function createDigests({ run, context, settings }: Migrator): Digests {
  let kept: HistoryDigests = new Map();
  const warnNotKept = (why: string) =>
    settings.emit({ type: 'warning', message: `digests are not stored: ${why}` });
  // On Citus the trigger that removes a digest runs on the worker, and the digest is on the coordinator.
  const { isCitus } = run.server;
  return {
    async read(session) {
      if (run.config.digest && !isCitus) kept = await readStoredDigests(session, context);
      return kept;
    },
    async keep(outcomes) {
      if (!run.config.digest || settings.rehearse || settings.signal.aborted) return;
      if (isCitus) return warnNotKept('Citus stores the histories of tenants on other servers');
      const lacking = outcomes.filter(
        ({ schema, scope, migrations, error }) =>
          scope === 'tenant' && error === undefined && (migrations.length > 0 || !kept.has(schema)),
      );
      const names = lacking.map(({ schema }) => schema);
      await run
        .read((session) => storeDigests(session, names, context))
        .catch((error: unknown) => warnNotKept(asSqlmigError(error, run.config.publicSchema).message));
    },
  };
}
