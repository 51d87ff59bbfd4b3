import { historyKey } from '../project/order.ts';
import { pinnedSettings } from '../protocol/pinned-settings.ts';
import { searchPath, type Unit } from '../protocol/unit-context.ts';
import { applicationName } from '../protocol/unit-settings.ts';

/** The settings of a session when a non-transactional file begins. */
export function nonTransactionalSettings({
  script,
  schema,
  context,
}: Unit): Readonly<Record<string, string>> {
  return {
    ...pinnedSettings,
    application_name: applicationName(historyKey(script.migration), context),
    search_path: searchPath(schema, context),
    // A build waits for other transactions as long as it takes; giving up would leave an invalid index.
    lock_timeout: '0',
    statement_timeout: '0',
    synchronous_commit: 'on',
    // The backend of a runner that died finishes its index under the lock (docs/lock-protocol.md, When a runner dies).
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
