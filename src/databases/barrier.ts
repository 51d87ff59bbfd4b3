import { exitCodes, SqlmigError } from '../errors.ts';

/** Makes the parts of a command wait for each other before any of them changes something. */
interface Barrier<P> {
  /** True if no part may continue, because one of them failed before it arrived. */
  readonly refused: boolean;
  /**
   * Waits until every part has arrived or left. Resolves to the one decision for all. `place` is the place of the plan in
   * the list that is decided on.
   */
  arrive(plan: P, place: number): Promise<boolean>;
  /** Counts a part that has ended, with its error if it failed. */
  leave(error: SqlmigError | null): void;
}

/** The number of parts, and how they decide. */
interface BarrierOptions<P> {
  readonly parts: number;
  /** Refuse the start if any part has ended with an error. */
  readonly requireAll: boolean;
  readonly decide: (plans: readonly P[]) => boolean | Promise<boolean>;
}

/**
 * Makes a barrier. If any part finds a mistake in usage, config or files, no part may continue: a command that exits with 2
 * must not have changed anything.
 */
export function createBarrier<P>({ parts, requireAll, decide }: BarrierOptions<P>): Barrier<P> {
  const plans: { readonly plan: P; readonly place: number }[] = [];
  let missing = parts;
  let isOver = false;
  let refused = false;
  let decision: (answer: Promise<boolean>) => void = () => {};
  const shared = new Promise<boolean>((resolve) => {
    decision = resolve;
  });
  // There is nothing to decide if every part has ended.
  const decided = async () =>
    plans.length > 0 && decide(plans.sort((a, b) => a.place - b.place).map(({ plan }) => plan));
  const count = () => {
    missing -= 1;
    if (missing > 0 || isOver) return;
    isOver = true;
    decision(refused ? Promise.reject(notStarted()) : decided());
  };
  // If no part has arrived, nothing awaits the promise, and a rejection would end the process.
  shared.catch(() => {});
  return {
    get refused() {
      return refused;
    },
    arrive(plan, place) {
      plans.push({ plan, place });
      count();
      return shared;
    },
    leave(error) {
      if (isOver) return;
      if (error !== null && (requireAll || exitCodes[error.code] === 2)) refused = true;
      count();
    },
  };
}

function notStarted(): SqlmigError {
  return new SqlmigError('stopped', 'not started, because another database cannot start', {
    hint: 'correct the error of the other database',
  });
}
