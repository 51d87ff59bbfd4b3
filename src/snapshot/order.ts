/** A statement, and the statements that have to run before it. */
export interface Step {
  /** Among the statements that can run next, the lowest stage runs first; within a stage, the first in the list. */
  readonly stage: number;
  readonly sql: string;
  /** Positions in the list of steps. */
  readonly after: ReadonlySet<number>;
}

/** Orders statements; those that wait for each other in a cycle are `stuck`. */
export function orderSteps(steps: readonly Step[]): { readonly sql: string[]; readonly stuck: string[] } {
  const waiting = new Map(steps.map((step, i) => [i, new Set(step.after)]));
  const followers = new Map<number, number[]>();
  for (const [i, { after }] of steps.entries())
    for (const before of after) followers.set(before, [...(followers.get(before) ?? []), i]);
  const stageOf = (i: number) => steps[i]?.stage ?? 0;
  const ready = steps.flatMap(({ after }, i) => (after.size === 0 ? [i] : []));
  const sql: string[] = [];
  while (ready.length > 0) {
    ready.sort((a, b) => stageOf(a) - stageOf(b) || a - b);
    const next = ready.shift() as number;
    sql.push(steps[next]?.sql ?? '');
    waiting.delete(next);
    for (const follower of followers.get(next) ?? []) {
      const left = waiting.get(follower);
      left?.delete(next);
      if (left?.size === 0) ready.push(follower);
    }
  }
  return { sql, stuck: [...waiting.keys()].map((i) => steps[i]?.sql ?? '') };
}
