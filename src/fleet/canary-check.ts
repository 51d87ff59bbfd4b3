import { SqlmigError } from '../errors.ts';
import { runCheck } from '../execute/canary-check.ts';
import { asSqlmigError } from '../execute/failure.ts';
import type { UnitContext } from '../protocol/unit-context.ts';
import { SessionLost } from '../server/answer.ts';
import { isServerError } from '../server/server-error.ts';
import { commandLine } from '../text/command-line.ts';
import { fewAndMore } from '../text/few.ts';
import type { FleetRules } from './fleet-work.ts';
import type { UpOptions } from './up-options.ts';

type Check = NonNullable<FleetRules['checkCanaries']>;

/** Checks the canaries of a run, one after the other; `undefined` without `canaryCheck`. */
export function canaryChecker(options: UpOptions, context: UnitContext): Check | undefined {
  const { canaryCheck: query } = options;
  if (query === undefined) return undefined;
  return async (session, canaries) => {
    if (canaries.length === 0) return checkError('no canary is left to check', { options, canaries });
    for (const schema of canaries) {
      const why = await checkOne(session, { query, schema, context });
      if (why === null) continue;
      return why instanceof SqlmigError
        ? why
        : checkError(why.message, { options, canaries, schema, cause: why.cause });
    }
    return null;
  };
}

const mostAttempts = 3;

/** Why the check fails in one canary: in words, or the error of the connection; `null` if it passes. */
async function checkOne(
  session: Parameters<Check>[0],
  {
    query,
    schema,
    context,
  }: { readonly query: string; readonly schema: string; readonly context: UnitContext },
): Promise<{ readonly message: string; readonly cause?: unknown } | SqlmigError | null> {
  for (let attempt = 1; ; attempt++) {
    try {
      const why = await runCheck(await session(), query, { schema, context });
      return why === null ? null : { message: `${why} in ${schema}` };
    } catch (error) {
      if (isServerError(error)) return { message: `${error.message} (in ${schema})`, cause: error };
      if (!(error instanceof SessionLost) || attempt === mostAttempts) return asSqlmigError(error, schema);
    }
  }
}

/** The canaries that were checked, and the one that failed. */
interface FailedCheck {
  readonly options: UpOptions;
  readonly canaries: readonly string[];
  readonly schema?: string;
  readonly cause?: unknown;
}

function checkError(why: string, { options, canaries, schema, cause }: FailedCheck): SqlmigError {
  return new SqlmigError('canary-check-failed', `the check of the canaries failed: ${why}`, {
    schema,
    sqlstate: isServerError(cause) ? cause.code : undefined,
    state: `migrated: ${fewAndMore(canaries, 5)}; no other tenant was started`,
    hint: `correct what is wrong, then check the same canaries again: ${continuation(options, canaries)}`,
    cause,
  });
}

const mostNames = 20;

// These canaries are up to date now, so a number would select others.
function continuation({ select, canaryCheck = '' }: UpOptions, canaries: readonly string[]): string {
  const named = canaries.length > 0 && canaries.length <= mostNames;
  if (!named) return 'run sqlmig up again with the same canaries, by name, in --canary';
  const flags = [...flag('--canary', nameArgument(canaries)), ...flag('--canary-check', canaryCheck)];
  return commandLine('up', ...selectorFlags(select), ...flags);
}

function selectorFlags(select: UpOptions['select']): string[] {
  if (select.kind === 'tenants') return flag('--tenants', nameArgument(select.names));
  const except = select.kind === 'all' ? select.except : [];
  return ['--all', ...(except.length === 0 ? [] : flag('--except-tenants', nameArgument(except)))];
}

/** A flag with its value, in one argument if the value looks like a flag. */
function flag(name: string, value: string): string[] {
  return value.startsWith('-') ? [`${name}=${value}`] : [name, value];
}

/** Names as one argument. A single number would be taken for a number of tenants. */
function nameArgument(names: readonly string[]): string {
  const text = names.map((name) => name.replaceAll(',', '\\,')).join(',');
  return /^\d+%?$/.test(text) ? `${text},` : text;
}
