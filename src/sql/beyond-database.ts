import { createDefinitions } from './definitions.ts';
import type { ParsedStatement } from './parse.ts';
import { writingKinds } from './reach.ts';
import { serverWideReason } from './server-wide.ts';
import { usesOf } from './uses.ts';

// What a statement that runs in a temporary database may change outside of it, by its text. What code does otherwise is
// seen before its transaction commits (`confinement`).

const shared = 'role|user(?!\\s+mapping)|group|database|tablespace|subscription';
// Without ON, they concern roles.
const grant =
  /(?:^|[;'"$]|\b(?:begin|then|else|loop)\b)(?:\s|--[^\n]*\n|\/\*(?:(?!\*\/)[\s\S])*\*\/)*(?<grant>(?:grant|revoke)\s(?:(?!\bon\b)[^;])*?\b(?:to|from)\b)/;
const command = new RegExp(
  `${grant.source}|\\b(?:(?:create|alter|drop)\\s+(?:${shared})|alter\\s+system|comment\\s+on\\s+(?:role|subscription)|on\\s+(?:database|tablespace|parameter)(?=\\s+[^\\s=<>])|security\\s+label|(?:drop|reassign)\\s+owned)\\b`,
  'i',
);

/** The first command in a text, such as the body of a block, that concerns more than one database, in words; else `null`. */
export function sharedCommandIn(text: string): string | null {
  const found = command.exec(text);
  return found === null ? null : (found.groups?.grant ?? found[0]).replace(/\s+/g, ' ').toUpperCase();
}

// Their effect is not undone by ROLLBACK (PostgreSQL documentation, System Administration Functions).
const outsideTransactions =
  /^calls (?:pg_stat_reset_(?:shared|slru|replication_slot|subscription_stats|backend_stats)|pg_switch_wal|pg_create_restore_point|pg_logical_emit_message|pg_backup_(?:start|stop)|pg_rotate_logfile|pg_promote|pg_wal_replay_(?:pause|resume)|pg_log_(?:backend_memory_contexts|standby_snapshot)|pg_(?:create|copy)_(?:physical|logical)_replication_slot|pg_drop_replication_slot|pg_replication_slot_advance|pg_sync_replication_slots|pg_logical_slot_get_(?:binary_)?changes|pg_replication_origin_(?:create|drop|advance)|pg_(?:terminate|cancel)_backend|pg_reload_conf|lo_export)$/;

/** Says why a statement must not run in a temporary database. */
export type BeyondDatabase = (statement: ParsedStatement, text: string) => string | null;

/**
 * Checks statements in the order in which they run. It remembers their definitions, and leaves out statements that
 * call something that a rollback does not undo, directly or through a definition.
 */
export function createBeyondDatabase(): BeyondDatabase {
  const definitions = createDefinitions();
  const callBy = (statement: ParsedStatement): string | null => {
    const uses = [...usesOf(statement)];
    const own = runsRelations.has(statement.kind) ? uses : uses.filter((use) => use.startsWith('calls '));
    return definitions.find(own, (use) => outsideTransactions.test(use))?.slice('calls '.length) ?? null;
  };
  return (statement, text) => {
    const serverWide = serverWideReason(statement);
    if (statement.kind.endsWith('SubscriptionStmt')) return 'a subscription command';
    if (serverWide !== null) return serverWide;
    const call = onlyDefines(statement) ? null : callBy(statement);
    if (call !== null) return `a call of ${call}`;
    definitions.add(statement);
    const found = statement.kind === 'DoStmt' ? sharedCommandIn(text) : null;
    return found === null ? null : `a block with ${found}`;
  };
}

// They run views, triggers, rules and defaults. CREATE INDEX, ALTER TABLE and others run none of those.
const runsRelations: ReadonlySet<string> = new Set([
  ...writingKinds,
  ...['SelectStmt', 'DeclareCursorStmt', 'PrepareStmt', 'ExplainStmt', 'DoStmt', 'CallStmt'],
]);

const defines: ReadonlySet<string> = new Set([
  'CreateFunctionStmt',
  'DefineStmt',
  'CreateDomainStmt',
  'CreateStmt',
  'ViewStmt',
  'RuleStmt',
  'CreateTrigStmt',
  'CreatePolicyStmt',
  'AlterPolicyStmt',
]);

/** True if a statement evaluates no expression that it has. ALTER TABLE may evaluate one for each row. */
function onlyDefines({ kind, fields }: ParsedStatement): boolean {
  if (kind !== 'AlterTableStmt') return defines.has(kind);
  const commands = fields.cmds as readonly { readonly AlterTableCmd?: { readonly subtype?: string } }[];
  return commands.every(({ AlterTableCmd: command }) => command?.subtype === 'AT_ColumnDefault');
}
