import type { ErrorCode } from '../errors.ts';

/** A mistake in a file: UTF-16 index, code, message and hint. */
export type Mistake = readonly [index: number, code: ErrorCode, message: string, hint: string];
