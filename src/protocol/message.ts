import { unitStates } from '../errors.ts';
import { upgradeHistory } from '../history/history.ts';
import { historyKey } from '../project/order.ts';
import type { Script } from '../sql/migration.ts';
import { doBlock } from '../sql/quote.ts';
import { isOneOf, structureAsJson } from '../structure/structure.ts';
import { createMissing } from './bootstrap.ts';
import { strangers } from './guard.ts';
import { raise } from './refusal.ts';
import { closing, noteDurations, opening, type Precondition, runsCode } from './unit.ts';
import type { UnitContext, UnitSchema } from './unit-context.ts';
import { begin, locks, prelude, release, setFilePath } from './unit-locks.ts';

/** A message and where each file's text lies in it (UTF-16 indexes). */
export interface Message {
  readonly text: string;
  readonly files: readonly {
    readonly script: Script;
    readonly start: number;
    readonly end: number;
  }[];
}

/**
 * The units of a schema joined in one message, each a transaction of its own (lock-protocol 3.2): settings, locks by
 * try, checks, history row first, search_path, file, guard, resets. The server stops at the first error; what was
 * committed before stays. The last unit gives how long each took (`noteDurations`). `trusted` files were looked at
 * already (see `Ending`).
 */
export function composeUnits(
  scripts: readonly Script[],
  schema: UnitSchema,
  context: UnitContext,
  trusted: ReadonlySet<Script> = new Set(),
): Message {
  const message = createMessage();
  const known = new Set(schema.history.map(historyKey));
  const [first, last] = [scripts.at(0), scripts.at(-1)].map(
    (script) => script && historyKey(script.migration),
  );
  const said = prelude(first === last ? `${first}` : `${first}..${last}`, context);
  // Behind a pooler a session keeps nothing, and public lets tenants in between two units.
  const keeps = context.ownSession && schema.scope === 'tenant' && scripts.length > 1;
  message.add(said);
  if (!schema.isCurrent) message.add(composeUpgrade(schema, context));
  for (const [index, script] of scripts.entries()) {
    const isLast = index === scripts.length - 1;
    const precondition: Precondition =
      index === 0 ? { kind: 'read', keeps } : keeps ? { kind: 'kept' } : { kind: 'turn', rows: known.size };
    known.add(historyKey(script.migration));
    message.add(
      begin(context) + opening(script, schema, context, precondition) + setFilePath(schema, context),
    );
    const ending = { rows: known.size, trusted: trusted.has(script), keeps: keeps && !isLast };
    message.addFile(script, closing(script, schema, context, ending));
    const alone = scripts.length === 1 ? script.migration : undefined;
    message.add(`${isLast ? noteDurations(schema, context, alone) : ''}COMMIT;\n`);
    if (runsCode(script)) message.add(said);
  }
  if (keeps) message.add(release);
  return message.done();
}

/** The pending files of one schema, for a rehearsal. */
export interface RehearsalPart {
  readonly schema: UnitSchema;
  readonly scripts: readonly Script[];
  /** Create schema and history table first. */
  readonly bootstrap: boolean;
}

/**
 * The same units, of public and then of a tenant, in ONE transaction that is rolled back at its end: so the later
 * ones see what the earlier ones did. Each unit gives a row of how long it took, the whole a row for each lock that other
 * sessions could feel. Where `compared` names schemas, there are rows with their structure around the last part, and with
 * what its locks tell of other schemas (`strangers`). `before` is SQL that stands before all of them.
 */
export function composeRehearsal(
  rehearsal: readonly RehearsalPart[],
  context: UnitContext,
  compared: readonly string[],
  before = '',
): Message {
  const message = createMessage();
  message.add(begin(context) + before);
  for (const [index, { schema, scripts, bootstrap }] of rehearsal.entries()) {
    if (bootstrap) message.add(doBlock(`begin\n${createMissing(schema.schema, context)}\nend`));
    const known = new Set(schema.history.map(historyKey));
    const isCompared = compared.length > 0 && index === rehearsal.length - 1;
    const structure = isCompared
      ? `select ${structureAsJson(isOneOf(compared))} as ${structureColumn};\n`
      : '';
    message.add(structure);
    for (const [done, script] of scripts.entries()) {
      message.add(
        opening(script, schema, context, { kind: 'turn', rows: known.size }) + setFilePath(schema, context),
      );
      known.add(historyKey(script.migration));
      const ending = { rows: known.size, rehearsed: done + 1, created: bootstrap, trusted: true };
      message.addFile(script, closing(script, schema, context, ending));
      message.add(noteDurations(schema, context, script.migration));
    }
    message.add(structure + (isCompared ? `${strangers(schema)};\n` : ''));
  }
  message.add(`${locksTaken}ROLLBACK;`);
  return message.done();
}

/** Name of the column in which a rehearsal gives the structure of other schemas. */
export const structureColumn = 'sqlmig_structure';

// AccessShare, RowShare and RowExclusive are what reads and writes take themselves: nobody feels those.
const locksTaken = `select l.relation::text as sqlmig_lock, n.nspname as schema, c.relname as relation, l.mode as mode
from pg_catalog.pg_locks l join pg_catalog.pg_class c on c.oid = l.relation join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where l.pid = pg_backend_pid() and l.locktype = 'relation' and c.relkind in ('r', 'p', 'm', 'v', 'i', 'I', 'S') and n.nspname !~ '^pg_'
  and l.mode in ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
order by n.nspname, c.relname, l.mode;
`;

/** Name of the column that `composeReplay`'s markers come in. */
export const replayColumn = 'sqlmig_statement';

/**
 * One unit again, rolled back at its end, with a row after each statement that tells its number from 1: so many rows
 * as came, so many statements succeeded. For errors that the server gives no position for.
 */
export function composeReplay(script: Script, schema: UnitSchema, context: UnitContext): string {
  const statements = script.statements.map(
    ({ start, end }, i) => `${script.text.slice(start, end)}\n;\nselect ${i + 1} as ${replayColumn};\n`,
  );
  return [
    prelude('replay', context),
    begin(context),
    opening(script, schema, context, { kind: 'read', keeps: false }),
    setFilePath(schema, context),
    ...statements,
    'set constraints all immediate;\nROLLBACK;',
  ].join('');
}

/** Brings the history table of an earlier version up to date, under the locks of a unit. */
export function composeUpgrade(schema: UnitSchema, context: UnitContext): string {
  return `${begin(context)}${locks('upgrade', schema, context)}${upgradeHistory(schema.schema, context.table)}COMMIT;\n`;
}

/** Changes a schema's history under the locks of a unit; `change` is one statement that must touch a row. */
export function composeEdit(schema: UnitSchema, change: string, context: UnitContext): string {
  const upgrade = schema.isCurrent ? '' : upgradeHistory(schema.schema, context.table);
  return `${begin(context)}${locks('repair', schema, context)}${upgrade}${doBlock(`begin
  ${change};
  if not found then ${raise(unitStates.historyChanged)} end if;
end`)}COMMIT;
`;
}

function createMessage() {
  const parts: string[] = [];
  const files: Message['files'][number][] = [];
  let length = 0;
  const add = (part: string) => {
    parts.push(part);
    length += part.length;
  };
  return {
    add,
    addFile(script: Script, after: string) {
      const start = length;
      add(script.text);
      files.push({ script, start, end: length });
      add(after);
    },
    done: (): Message => ({ text: parts.join(''), files }),
  };
}
