import type { UnrehearsedFile } from '../cost-results.ts';
import type { Attempt } from '../execute/attempt.ts';
import { type Rehearsal, rehearseUnits } from '../execute/rehearse.ts';
import type { PendingFiles } from '../protocol/message.ts';
import type { Session } from '../server/session.ts';
import type { Script } from '../sql/migration.ts';
import type { Target } from '../state/target.ts';
import { unitSchema } from './gate.ts';
import type { Migrator } from './migrator.ts';
import { isNonTransactional, rehearsable } from './rehearsable.ts';
import { leftFrom } from './unrehearsed.ts';

/** What to rehearse. */
export interface ToRehearse {
  readonly target: Target;
  /** Public, if what it lacks runs first. */
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
 * Runs what a schema lacks, for a tenant after what `shared`, public, lacks, in one transaction that is rolled back. A file
 * of a tenant that fails after only a part of public may need the rest, so it is left out, with those after it.
 */
export async function rehearseSchema(
  migrator: Migrator,
  session: Session,
  { target, shared, after, measures = false }: ToRehearse,
): Promise<Attempt> {
  const { context, turns, scripts } = migrator;
  const before = shared === null ? [] : [await partOf(migrator, shared)];
  const [lacking] = before.flatMap(({ left }) => left);
  const rehearse = async ({ files, left }: Part): Promise<Attempt> => {
    const parts = [...before.map((part) => part.files), files] as const;
    const rehearsal = { parts, before: scripts.installing, measures, ...(after && { after }) };
    const attempt = await rehearseUnits(session, rehearsal, context);
    if (attempt.kind === 'done') return { ...attempt, ...(left.length > 0 && { unrehearsed: left }) };
    const failed = lacking === undefined ? -1 : failedIn(files.scripts, attempt);
    if (attempt.kind !== 'failed' || lacking === undefined || failed === -1) return attempt;
    const why = `it fails without ${lacking.file} and what follows it (${attempt.error.message})`;
    // Only a transaction that does not fail shows the locks of the files before it.
    return rehearse({
      files: { ...files, scripts: files.scripts.slice(0, failed) },
      left: leftFrom([...pathsOf(files.scripts.slice(failed)), ...left], why),
    });
  };
  const last = await partOf(migrator, target);
  return turns.inTurn(last.files.scripts, last.files.schema, () => rehearse(last));
}

async function partOf({ scripts }: Migrator, target: Target): Promise<Part> {
  const { scripts: run, left } = rehearsable(await scripts.of(target));
  return {
    files: { schema: unitSchema(target, null), scripts: run, bootstrap: !target.hasHistory },
    left: leftFrom(pathsOf(left), isNonTransactional),
  };
}

/** The script whose statement failed, from 0; -1 if something else ended the attempt. */
function failedIn(scripts: readonly Script[], attempt: Attempt): number {
  if (attempt.kind !== 'failed' || attempt.error.code !== 'migration-failed') return -1;
  return scripts.findIndex(({ migration }) => migration.file === attempt.error.details.file);
}

function pathsOf(scripts: readonly Script[]) {
  return scripts.map(({ migration: { file } }) => ({ file }));
}
