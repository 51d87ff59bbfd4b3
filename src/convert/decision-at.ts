/** An index into a text, what must be decided there, and what to do about it. */
export type DecisionAt = readonly [index: number, what: string, cure: string];
