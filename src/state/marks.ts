import type { SqlmigError } from '../errors.ts';
import type { Reader } from '../history/read-histories.ts';
import { publicTable } from '../project/scope-view.ts';
import { basisOf, type PlanSource, type TargetRequest } from './plan-source.ts';
import { readTargets, rereadTarget, type Target, troubled } from './target.ts';

const marked: readonly (string | undefined)[] = ['half-dropped', 'tenant-moved'];

/** True for the trouble of a tenant whose history has the mark of an unfinished drop or of a move. */
export function isMarked(trouble: Pick<SqlmigError, 'code'> | null | undefined): boolean {
  return marked.includes(trouble?.code);
}

/** Reads the troubles of marked tenants. The mark is in the history of the files of all tenants. */
export async function readMarks(
  reader: Reader,
  { undo: _, ...source }: PlanSource,
  names: readonly string[],
): Promise<ReadonlyMap<string, SqlmigError>> {
  const basis = { ...basisOf(source, 'tenant'), files: [] };
  const requests = names.map((schema) => ({ schema, basis }));
  const read = await readTargets(requests, reader, publicTable(source.config));
  return new Map(
    read.flatMap(({ schema, trouble }) =>
      trouble !== null && isMarked(trouble) ? [[schema, trouble] as const] : [],
    ),
  );
}

/** Targets, with the trouble of those that are tenants of a kind which an unfinished drop or a move has marked. */
export async function withMarks(
  reader: Reader,
  source: PlanSource,
  targets: readonly Target[],
): Promise<readonly Target[]> {
  if (source.config.scope === null) return targets;
  const open = targets.filter(({ plan }) => plan.steps.length > 0).map(({ schema }) => schema);
  const marks = await readMarks(reader, source, open);
  const basis = basisOf(source, 'tenant');
  return targets.map((target) => {
    const mark = marks.get(target.schema);
    return mark === undefined
      ? target
      : troubled({ schema: target.schema, basis }, mark, target.oid ?? undefined);
  });
}

/** Reads a schema again, as `rereadTarget` does, with the marks of `withMarks`. */
export async function rereadMarked(
  reader: Reader,
  source: PlanSource,
  request: TargetRequest,
): Promise<Target> {
  const target = await rereadTarget(reader, request, source.config.historyTable);
  const [marked = target] = await withMarks(reader, source, [target]);
  return marked;
}
