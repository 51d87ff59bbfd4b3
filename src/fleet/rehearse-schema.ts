import type { UnrehearsedFile } from '../cost-results.ts';
import { type SqlmigError, sqlstates } from '../errors.ts';
import type { Attempt } from '../execute/attempt.ts';
import { type Rehearsal, rehearseUnits } from '../execute/rehearse.ts';
import type { PendingFiles } from '../protocol/message.ts';
import type { Session } from '../server/session.ts';
import type { Script } from '../sql/migration.ts';
import { addsValue } from '../sql/reach.ts';
import type { Target } from '../state/target.ts';
import { unitSchema } from './gate.ts';
import type { Migrator } from './migrator.ts';
import { isNonTransactional, rehearsable } from './rehearsable.ts';
import { unrehearsedFrom } from './unrehearsed.ts';

/** A schema to rehearse. */
export interface ToRehearse {
  readonly target: Target;
  /** Public, if its pending files run first. */
  readonly shared: Target | null;
  readonly after?: Rehearsal['after'];
  readonly measures?: boolean;
}

/** What a rehearsal runs in a schema, and what it leaves out there. */
interface Part {
  readonly files: PendingFiles;
  readonly left: readonly UnrehearsedFile[];
}

/**
 * Runs the pending files of a schema, for a tenant after those of public (`shared`), in one transaction that is rolled back.
 * A file that may fail only for this reason (see `whyLeft`) is left out, with the files after it.
 */
export async function rehearseSchema(
  migrator: Migrator,
  session: Session,
  { target, shared, after, measures = false }: ToRehearse,
): Promise<Attempt> {
  const { context, turns, scripts } = migrator;
  const rehearse = async (before: readonly Part[], last: Part): Promise<Attempt> => {
    const parts = [...before.map(({ files }) => files), last.files] as const;
    const rehearsal = { parts, before: scripts.installing, measures, ...(after && { after }) };
    const attempt = await rehearseUnits(session, rehearsal, context);
    const { left } = last;
    if (attempt.kind === 'done') return { ...attempt, ...(left.length > 0 && { unrehearsed: left }) };
    if (attempt.kind !== 'failed' || attempt.error.code !== 'migration-failed') return attempt;
    const [lacking] = before.flatMap((part) => part.left);
    const all = parts.flatMap((part) => part.scripts);
    if (usesOwnValue(all, attempt.error)) return attempt;
    // Only a transaction that does not fail shows the locks of the files before it.
    const cut = cutAt(last, whyLeft(attempt.error, lacking), attempt.error);
    if (cut !== null) return rehearse(before, cut);
    const shorter = before.map((part) => cutAt(part, whyLeft(attempt.error), attempt.error) ?? part);
    return shorter.every((part, i) => part === before[i]) ? attempt : rehearse(shorter, last);
  };
  const before = shared === null ? [] : [await partOf(migrator, shared)];
  const last = await partOf(migrator, target);
  return turns.inTurn(last.files.scripts, last.files.schema, () => rehearse(before, last));
}

/** Whether a file failed because it uses an enum value that it adds itself. */
function usesOwnValue(scripts: readonly Script[], { details: { sqlstate, file } }: SqlmigError): boolean {
  if (sqlstate !== sqlstates.unsafeNewEnumValue) return false;
  const first = scripts.find(({ statements }) => statements.some(addsValue));
  return first?.migration.file === file;
}

/** Why a file that failed may succeed in `up`: `lacking` is the first file of public that was left out before it. */
function whyLeft({ message, details }: SqlmigError, lacking?: UnrehearsedFile): string | null {
  if (details.sqlstate === sqlstates.unsafeNewEnumValue)
    return `the file that adds a value to an enum is not committed before it (${message})`;
  return lacking === undefined ? null : `it fails without ${lacking.file} and what follows it (${message})`;
}

/** A part without the failed file and the files after it; `null` if another part failed, or nothing is left out. */
function cutAt(part: Part, why: string | null, { details }: SqlmigError): Part | null {
  const { files, left } = part;
  const failed = files.scripts.findIndex(({ migration }) => migration.file === details.file);
  if (failed === -1 || why === null) return null;
  return {
    files: { ...files, scripts: files.scripts.slice(0, failed) },
    left: unrehearsedFrom([...pathsOf(files.scripts.slice(failed)), ...left], why),
  };
}

async function partOf({ scripts }: Migrator, target: Target): Promise<Part> {
  const { scripts: run, left } = rehearsable(await scripts.of(target));
  return {
    files: { schema: unitSchema(target, null), scripts: run, bootstrap: !target.hasHistory },
    left: unrehearsedFrom(pathsOf(left), isNonTransactional),
  };
}

function pathsOf(scripts: readonly Script[]) {
  return scripts.map(({ migration: { file } }) => ({ file }));
}
