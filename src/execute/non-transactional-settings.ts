import { historyKey } from '../project/order.ts';
import { pinnedSettings } from '../protocol/pinned-settings.ts';
import { searchPath, type UnitContext } from '../protocol/unit-context.ts';
import { applicationName } from '../protocol/unit-settings.ts';
import type { NonTransactionalUnit } from './non-transactional-errors.ts';

/** What a session has while a non-transactional file runs, until the file says otherwise. */
export function nonTransactionalSettings({
  script,
  schema,
  context,
}: NonTransactionalUnit & { readonly context: UnitContext }): Readonly<Record<string, string>> {
  return {
    ...pinnedSettings,
    application_name: applicationName(historyKey(script.migration), context),
    search_path: searchPath(schema, context),
    // A build waits for others as long as it takes; giving up would leave an invalid index.
    lock_timeout: '0',
    statement_timeout: '0',
    synchronous_commit: 'on',
    // An orphan finishes its index under the lock (docs/lock-protocol.md, When a runner dies).
    ...(context.checksClient && { client_connection_check_interval: '0' }),
    idle_session_timeout: '0',
    idle_in_transaction_session_timeout: '0',
    ...(context.limitsTransactions && { transaction_timeout: '0' }),
    default_transaction_read_only: 'off',
    tcp_keepalives_idle: '10',
    tcp_keepalives_interval: '5',
    tcp_keepalives_count: '3',
  };
}
