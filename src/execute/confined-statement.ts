import { sqlstates, unitStates } from '../errors.ts';
import { confinement } from '../protocol/confinement.ts';
import { refuseIf } from '../protocol/refusal.ts';
import { setOwnPath } from '../protocol/unit-settings.ts';
import { isServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import { sharedCommandIn } from '../sql/beyond-database.ts';
import { isOrdinarySchema } from '../sql/catalog-sql.ts';
import { statementAt } from '../sql/parse.ts';
import { nonTransactionalReason } from '../sql/transaction-rules.ts';
import type { RunningFile } from './non-transactional-progress.ts';

// At commit, deferred triggers run, and cursors WITH HOLD are read unless they are closed.
const runDeferred = 'SET CONSTRAINTS ALL IMMEDIATE;\nCLOSE ALL;\n';

// COMMIT in code, and statements about tables that turn out to be partitioned.
const refusesBlock: ReadonlySet<string> = new Set([
  sqlstates.invalidTransactionTermination,
  sqlstates.activeTransaction,
]);

/**
 * Runs a statement of a non-transactional file in a temporary database. It runs in a transaction that is refused if it
 * changes anything outside the database, unless PostgreSQL refuses the statement in a transaction. Code that commits is
 * refused if its text, or the text of a function of the database, has a command that would change anything outside.
 */
export async function runConfined(
  { session, own, script, context, k }: RunningFile & { readonly k: number },
  text: string,
  run: () => Promise<unknown>,
): Promise<void> {
  const parsed = await statementAt(script, k);
  if (parsed === null || nonTransactionalReason(parsed.statement) !== null) return void (await run());
  await session.run('BEGIN');
  try {
    await run();
    await session.run(`${runDeferred}${setOwnPath}${confinement(context)}COMMIT`);
    return;
  } catch (error) {
    if (session.lost) throw error;
    await session.run('ROLLBACK');
    if (!isServerError(error) || !refusesBlock.has(error.code)) throw error;
  }
  const texts = [text, ...(await bodiesIn(own))];
  if (texts.some((code) => sharedCommandIn(code) !== null))
    await session.run(refuseIf([['true', unitStates.beyondDatabase]]));
  await run();
}

/** The bodies of all functions and procedures that the files have created. */
async function bodiesIn(own: Pick<Session, 'run'>): Promise<string[]> {
  const rows = await own.run(
    `select p.prosrc as body from pg_proc p join pg_namespace n on n.oid = p.pronamespace where ${isOrdinarySchema}`,
  );
  return rows.map(({ body }) => String(body));
}
