import type { SqlmigError } from '../errors.ts';
import type { Reader } from '../history/read-histories.ts';
import { basisOf, type PlanSource } from './plan-source.ts';
import { readTargets, type Target, troubled } from './target.ts';

const marked: readonly (string | undefined)[] = ['half-dropped', 'tenant-moved'];

/** True for the trouble of a tenant that an unfinished drop or a move has marked in its history. */
export function isMarked(trouble: Pick<SqlmigError, 'code'> | null | undefined): boolean {
  return marked.includes(trouble?.code);
}

/** The troubles of tenants that a drop or a move has marked; the mark is in the history of the files of all, that of `base`. */
export async function readMarks(
  reader: Reader,
  { undo: _, ...base }: PlanSource,
  names: readonly string[],
): Promise<ReadonlyMap<string, SqlmigError>> {
  const basis = { ...basisOf(base, 'tenant'), files: [] };
  const requests = names.map((schema) => ({ schema, basis }));
  const read = await readTargets(requests, reader, base.config.historyTable);
  return new Map(
    read.flatMap(({ schema, trouble }) =>
      trouble !== null && isMarked(trouble) ? [[schema, trouble] as const] : [],
    ),
  );
}

/** Tenants of a kind, as they must be treated if a drop or a move has marked them. */
export async function withMarks(
  reader: Reader,
  targets: readonly Target[],
  { base, source }: { readonly base: PlanSource; readonly source: PlanSource },
): Promise<readonly Target[]> {
  const open = targets.filter(({ plan }) => plan.steps.length > 0).map(({ schema }) => schema);
  const marks = await readMarks(reader, base, open);
  const basis = basisOf(source, 'tenant');
  return targets.map((target) => {
    const mark = marks.get(target.schema);
    return mark === undefined
      ? target
      : troubled({ schema: target.schema, basis }, mark, target.oid ?? undefined);
  });
}
