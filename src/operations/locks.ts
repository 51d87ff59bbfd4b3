import { inHome } from '../databases/home.ts';
import { databaseOutcomes, resultsOf } from '../databases/merged.ts';
import { inDatabases } from '../databases/parts.ts';
import { SqlmigError } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import { type Config, requireFleetConfig } from '../project/config.ts';
import {
  abortSignal,
  callback,
  checkOptions,
  checkValue,
  type Kinds,
  wholeNumber,
  yesOrNo,
} from '../project/option.ts';
import { type Holder, readHolders, terminateBackend } from '../protocol/holders.ts';
import type { DatabaseOutcome, Finding } from '../results.ts';
import { callerOf } from '../run/caller.ts';
import { withRun } from '../run/run.ts';
import { runOf } from '../server/application.ts';
import { fleetFindings } from '../state/findings.ts';
import { type ReadOptions, readForCommand, readKinds } from '../state/reading.ts';

/** The sessions with locks of sqlmig, and the incomplete migrations. */
export interface LocksResult {
  readonly holders: readonly HolderIn[];
  /** Migrations that were started but not finished. */
  readonly incomplete: readonly Finding[];
  /** What could be read in each database, if the config has several. */
  readonly databases?: readonly DatabaseOutcome[];
}

/** A session with a lock, and its database. */
export interface HolderIn extends Holder {
  readonly database: string;
}

/**
 * Lists the sessions that hold or wait for locks of sqlmig in the database, and incomplete migrations.
 * @throws SqlmigError `interrupted`, and if it cannot start: `bad-usage`, `config-invalid`, mistakes in the files, no
 *   connection.
 */
export async function locks(config: Config, options: ReadOptions = {}): Promise<LocksResult> {
  requireFleetConfig(config);
  checkOptions(options, readKinds);
  return inDatabases(config, options, {
    work: locksIn,
    merge: (parts) => {
      const results = resultsOf(parts);
      return {
        holders: results.flatMap(({ holders }) => holders),
        incomplete: results.flatMap(({ incomplete }) => incomplete),
        databases: databaseOutcomes(parts, () => ({})),
      };
    },
  });
}

async function locksIn(config: Config, options: ReadOptions): Promise<LocksResult> {
  const holders = await withRun(config, callerOf(options), async ({ read, database }) =>
    (await read(readHolders)).map((holder) => ({ database, ...holder })),
  );
  const reading = await readForCommand(config, options);
  return { holders, incomplete: fleetFindings(reading).filter(({ kind }) => kind === 'incomplete') };
}

/** Which backend to terminate, and who decides. */
export interface KillHolderOptions {
  /** Process ID of the backend. */
  readonly pid: number;
  /** Called with the session; only `true` lets it be terminated. */
  readonly confirm: (holder: Holder) => boolean | Promise<boolean>;
  readonly signal?: AbortSignal;
  readonly onEvent?: OnEvent;
}

/** Whether a backend was terminated. */
export interface KillResult {
  readonly holder: Holder;
  readonly killed: boolean;
  /** What its run will do next, in words; `null` if it belonged to no run or was not terminated. */
  readonly next: string | null;
}

const killKinds: Kinds<KillHolderOptions> = {
  pid: { ...wholeNumber(), required: true },
  confirm: { ...callback, required: true },
  signal: abortSignal,
  onEvent: callback,
};

/**
 * Terminates a backend that holds or waits for a lock of sqlmig, if `confirm` agrees.
 * @throws SqlmigError `bad-usage` if the backend has no such lock, and if it cannot start: `config-invalid`, no
 *   connection. Rethrows what `confirm` throws.
 */
export async function killHolder(config: Config, options: KillHolderOptions): Promise<KillResult> {
  requireFleetConfig(config);
  checkOptions(options, killKinds);
  return inHome(config, options, {
    what: `a backend ${options.pid} with a lock`,
    isHere: async ({ read }) => (await read(readHolders)).some(({ pid }) => pid === options.pid),
    work: killIn,
  });
}

async function killIn(config: Config, options: KillHolderOptions): Promise<KillResult> {
  const { pid, confirm } = options;
  return withRun(config, callerOf(options), async ({ read }) => {
    // A session may have keys that all tenants share as well; the key of its schema comes last and says more.
    const holder = (await read(readHolders)).findLast((candidate) => candidate.pid === pid);
    if (holder === undefined) throw notHolding(pid);
    const agreed = await confirm(holder);
    checkValue('the answer of confirm', agreed, yesOrNo);
    const killed = agreed && (await read((session) => terminateBackend(session, pid)));
    return { holder, killed, next: killed ? nextOf(holder) : null };
  });
}

function notHolding(pid: number): SqlmigError {
  return new SqlmigError('bad-usage', `backend ${pid} neither holds nor waits for one of sqlmig's locks`, {
    state: 'nothing was terminated',
    hint: 'list the backends that do with: sqlmig locks',
  });
}

function nextOf({ key, application }: Holder): string | null {
  const work = runOf(application);
  if (work === null) return null;
  return `if run ${work.run} is still running, it will retry ${key} up to five times, unless a non-transactional migration was cut off; to end the run, stop its process on ${work.host}`;
}
