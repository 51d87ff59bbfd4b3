import { exitCodes, SqlmigError } from '../errors.ts';

/** Where the parts of a command wait for each other before any of them changes something. */
interface Assembly<P> {
  /** True if the parts were told not to continue, because one of them could not get ready. */
  readonly refused: boolean;
  /**
   * Waits until no part is missing. Resolves to the decision that is made once for all; `place` is the part's place in
   * the plans that are decided on.
   */
  arrive(plan: P, place: number): Promise<boolean>;
  /** Counts a part that has ended, and its error if it ended before all were ready. */
  leave(error: SqlmigError | null): void;
}

/** How many parts are expected, and how they decide. */
interface Meeting<P> {
  readonly parts: number;
  /** Refuse the start if any part has ended with an error. */
  readonly requireAll: boolean;
  readonly decide: (plans: readonly P[]) => boolean | Promise<boolean>;
}

/**
 * Makes an assembly. A mistake in usage, config or files that any part finds refuses the start of all, since nothing
 * may have been done when a command exits with 2.
 */
export function createAssembly<P>({ parts, requireAll, decide }: Meeting<P>): Assembly<P> {
  const plans: { readonly plan: P; readonly place: number }[] = [];
  let missing = parts;
  let isOver = false;
  let refused = false;
  let decision: (answer: Promise<boolean>) => void = () => {};
  const common = new Promise<boolean>((resolve) => {
    decision = resolve;
  });
  // Nothing is decided on if every part has ended by itself.
  const decided = async () =>
    plans.length > 0 && decide(plans.sort((a, b) => a.place - b.place).map(({ plan }) => plan));
  const count = () => {
    missing -= 1;
    if (missing > 0 || isOver) return;
    isOver = true;
    decision(refused ? Promise.reject(notStarted()) : decided());
  };
  // A part that fails without having arrived must not leave a rejection that nobody awaits.
  common.catch(() => {});
  return {
    get refused() {
      return refused;
    },
    arrive(plan, place) {
      plans.push({ plan, place });
      count();
      return common;
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
