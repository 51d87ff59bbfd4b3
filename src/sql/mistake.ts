import type { ErrorCode } from '../errors.ts';

/** Something that may not be in a file: UTF-16 index, code, what it is, and what to do. */
export type Mistake = readonly [index: number, code: ErrorCode, message: string, hint: string];
