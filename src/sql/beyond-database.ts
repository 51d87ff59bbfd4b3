import type { ParsedStatement } from './parse.ts';
import { serverWideReason } from './server-wide.ts';
import { nonTransactionalReason } from './transaction-rules.ts';

// What a statement that runs in a temporary database may change outside of it, by its text. What code does otherwise is
// seen before its transaction commits (`confinement`).

const shared = 'role|user(?!\\s+mapping)|group|database|tablespace|subscription';
const command = new RegExp(
  `\\b(?:(?:create|alter|drop)\\s+(?:${shared})|alter\\s+system|comment\\s+on\\s+(?:role|database|tablespace|subscription)|security\\s+label|on\\s+parameter)\\b`,
  'i',
);

/** The first command in a text, such as the body of a block, that concerns more than one database, in words; else `null`. */
export function sharedCommandIn(text: string): string | null {
  const [found] = command.exec(text) ?? [];
  return found === undefined ? null : found.replace(/\s+/g, ' ').toUpperCase();
}

// Their effect is not undone by ROLLBACK (PostgreSQL documentation, System Administration Functions).
const outsideTransactions =
  /\b(?:pg_(?:create|copy)_(?:physical|logical)_replication_slot|pg_drop_replication_slot|pg_replication_slot_advance|pg_sync_replication_slots|pg_logical_slot_get_(?:binary_)?changes|pg_replication_origin_(?:create|drop|advance)|pg_(?:terminate|cancel)_backend|pg_reload_conf|lo_export)\b/i;

/** Says why a statement must not run in a temporary database. */
export type BeyondDatabase = (statement: ParsedStatement, text: string) => string | null;

/**
 * A judge of statements in the order in which they run: it remembers the functions that they create, and whose bodies call
 * what a rollback does not undo.
 */
export function createBeyondDatabase(): BeyondDatabase {
  const unsafe = new Map<string, string>();
  const callIn = (text: string): string | null => {
    const [direct] = outsideTransactions.exec(text) ?? [];
    if (direct !== undefined) return direct.toLowerCase();
    const words = unsafe.size === 0 ? [] : text.toLowerCase().split(/[^\p{L}\p{N}_$]+/u);
    return words.map((word) => unsafe.get(word)).find((call) => call !== undefined) ?? null;
  };
  return (statement, text) => {
    const { kind, fields } = statement;
    const serverWide = serverWideReason(statement);
    if (nonTransactionalReason(statement) === subscriptionCommand) return subscriptionCommand;
    if (serverWide !== null) return serverWide;
    const call = callIn(text);
    if (kind === 'CreateFunctionStmt') {
      if (call !== null) unsafe.set(nameOf(fields.funcname), call);
      return null;
    }
    if (call !== null) return `a call of ${call}`;
    const found = kind === 'DoStmt' ? sharedCommandIn(text) : null;
    return found === null ? null : `a block with ${found}`;
  };
}

const subscriptionCommand = 'a subscription command';

function nameOf(funcname: unknown): string {
  const last = (Array.isArray(funcname) ? funcname : []).at(-1) as { String?: { sval?: string } } | undefined;
  return last?.String?.sval?.toLowerCase() ?? '';
}
