import { retryReason } from '../decide/after-error.ts';
import { SqlmigError, unitStates, withHint } from '../errors.ts';
import { composeKind, type NewKind } from '../protocol/creation.ts';
import { unitRefusalOf } from '../protocol/refusal.ts';
import type { UnitContext } from '../protocol/unit-context.ts';
import { isServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import { raisedError } from './attempt.ts';
import { apartStates } from './create-whole.ts';
import { describeFailure, positionOf } from './failure.ts';
import { historyError, missesHistory } from './history-error.ts';
import { createReport } from './send-units.ts';

/**
 * Applies the files of a kind of tenants in the open transaction that has created their schema.
 * @throws SqlmigError if a file fails or may have changed another schema; ServerError if a retry may help or the files cannot
 *   share a transaction.
 */
export async function createKind(session: Session, kind: NewKind, given: UnitContext): Promise<void> {
  const { schema, scripts } = kind;
  const context = { ...given, ownSession: session.hasSettings };
  const message = composeKind(kind, context);
  const report = createReport(scripts);
  try {
    await session.runFiles(message.text, report.take, (notice) =>
      context.onNotice(notice, { ...schema, scripts: report.running() }),
    );
  } catch (error) {
    if (!isServerError(error)) throw error;
    if (unitRefusalOf(error)?.state === unitStates.suspicious)
      throw new SqlmigError('not-reproducible', 'files of a kind may have changed another schema', {
        schema: schema.schema,
        state: 'nothing was created',
        hint: 'create the tenant with sqlmig tenant create, and copy its rows with pg_dump',
      });
    if (retryReason(raisedError(error, { schema, context }, false)) !== null) throw error;
    if (apartStates.includes(error.code)) throw error;
    const at = positionOf(error, message);
    const script = scripts[at?.unit ?? report.read().begun ?? -1];
    if (script === undefined) throw error;
    const unit = { script, schema, context };
    if (missesHistory(error, unit)) throw historyError(unit, error);
    const failure = await describeFailure(session, unit, { error, index: at?.index ?? null, replay: null });
    throw withHint(failure, failureHint);
  }
}

// The tenant that is copied has applied the file.
const failureHint =
  'correct the file for new tenants, in which newer files of other scopes run before it, then record its new checksum: sqlmig repair --all';
