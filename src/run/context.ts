import { hostname, userInfo } from 'node:os';
import { historyTablesIn, publicTable } from '../project/scope-view.ts';
import { nameHistory } from '../protocol/history-readers.ts';
import { mayNoticeOthers } from '../protocol/transactions.ts';
import type { UnitContext } from '../protocol/unit-context.ts';
import type { Migration } from '../sql/migration.ts';
import type { Run } from './run.ts';

/** The context for the units of a run. `files` has all of its files, if it applies any. */
export function unitContext(
  { runId, config, server, onNotice }: Run,
  { lockTimeoutMs, sync }: Pick<UnitContext, 'lockTimeoutMs' | 'sync'>,
  files?: readonly Pick<Migration, 'text'>[],
): UnitContext {
  const host = hostname();
  const historyTables = historyTablesIn(config);
  return {
    runId,
    host,
    appliedBy: `${server.login} (${accountName()}@${host})`,
    publicSchema: config.publicSchema,
    table: config.historyTable,
    publicTable: publicTable(config),
    historyTables,
    searchPath: config.searchPath,
    lockTimeoutMs,
    // A coordinator commits after the other servers have prepared: a crash must not undo what they then commit.
    sync: sync || server.isCitus,
    transactionPerFile: config.transactionPerFile,
    mayNotice: files === undefined || mayNoticeOthers(files),
    namesHistory: files === undefined || nameHistory(files, historyTables),
    ownSession: false,
    isCitus: server.isCitus,
    confined: false,
    onNotice,
    // client_connection_check_interval came with PostgreSQL 14.
    checksClient: server.isLinux && server.version >= 140_000,
    isUtf8: server.isUtf8,
    limitsTransactions: server.version >= 170_000,
  };
}

function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a uid that has no name.
    return String(process.getuid?.() ?? 'unknown');
  }
}
