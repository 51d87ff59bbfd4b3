import type { ErrorDetails, UpResult } from '../results.ts';
import { costsText } from './costs.ts';
import { runFailures } from './error.ts';
import { failureItems } from './failures-markdown.ts';
import { codeSpan, linesOfItem } from './markdown.ts';

/** The document of a rehearsal, as far as a comment shows it: its result, or why it could not start. */
export type RehearsalDocument = UpResult | { readonly ok: false; readonly errors: readonly ErrorDetails[] };

/** Reads the document that `up --rehearse --json` prints. For any other text, returns what is wrong, in words. */
export function rehearsalDocument(text: string): RehearsalDocument | string {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    return 'it is not JSON';
  }
  if (!isObject(value) || typeof value.ok !== 'boolean') return 'it has no "ok"';
  if (value.ok === false && Array.isArray(value.errors))
    return value.errors.every(isError) ? (value as unknown as RehearsalDocument) : 'an error has no "code"';
  if ('undone' in value) return 'it is the result of down --rehearse';
  if (value.rehearsed !== true) return 'it is not the result of a rehearsal';
  const wrong = lists.find(
    ([key, fits]) => !(value[key] === undefined ? key !== 'schemas' : isListOf(value[key], fits)),
  );
  if (wrong !== undefined) return `"${wrong[0]}" has another format`;
  const { sample, error } = value;
  if (sample !== undefined && !hasNumbers(sample, ['tenants', 'sampled', 'bytes', 'sampledBytes']))
    return '"sample" has another format';
  return error === undefined || isError(error)
    ? (value as unknown as RehearsalDocument)
    : '"error" has no "code"';
}

type Fields = Readonly<Record<string, unknown>>;
type Fits = (value: unknown) => boolean;

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isListOf = (value: unknown, fits: Fits) => Array.isArray(value) && value.every(fits);
const isText: Fits = (value) => typeof value === 'string';
const hasTexts = (value: unknown, keys: readonly string[]) =>
  isObject(value) && keys.every((key) => isText(value[key]));
const hasNumbers = (value: unknown, keys: readonly string[]) =>
  isObject(value) && keys.every((key) => typeof value[key] === 'number');
const isError: Fits = (value) => hasTexts(value, ['code', 'message']);

const isPlaced: Fits = (value) =>
  hasTexts(value, ['worstIn']) &&
  hasNumbers(value, ['schemas']) &&
  isObject(value) &&
  (value.schema === null || isText(value.schema));

const isCost: Fits = (value) =>
  isObject(value) &&
  hasTexts(value, ['scope', 'file', 'worstIn']) &&
  hasNumbers(value, ['schemas', 'durationMs']) &&
  ['locks', 'rewritten', 'indexes'].every((key) => isListOf(value[key], isPlaced)) &&
  (value.rows === null || isListOf(value.rows, isPlaced)) &&
  isListOf(value.outside, isText) &&
  (value.estimate === undefined || hasNumbers(value.estimate, ['tenants', 'byCountMs']));

const isOutcome: Fits = (value) =>
  hasTexts(value, ['schema', 'scope', 'state']) &&
  isObject(value) &&
  (value.error === undefined || isError(value.error));

const lists: readonly (readonly [key: string, fits: Fits])[] = [
  ['schemas', isOutcome],
  ['costs', isCost],
  ['unrehearsed', (value) => hasTexts(value, ['scope', 'file', 'why']) && hasNumbers(value, ['schemas'])],
  ['databases', (value) => isObject(value) && (value.error === undefined || isError(value.error))],
];

/** Items of a list of what a rehearsal found: its errors, and the costs of each file as the report of `up` shows them. */
export function rehearsalItems(rehearsal: RehearsalDocument): string[] {
  if ('errors' in rehearsal) return failureItems(rehearsal.errors.map((error) => ({ error })));
  const { costs = [], unrehearsed = [], sample } = rehearsal;
  const reports = [
    ...costs.map((file) => costsText({ costs: [file] })),
    ...unrehearsed.map((file) => costsText({ unrehearsed: [file] })),
    ...(sample === undefined ? [] : [costsText({ sample })]),
  ];
  const items = reports.map((text) =>
    linesOfItem(
      text
        .trimEnd()
        .split('\n')
        .map((line) => codeSpan(line.trim())),
    ),
  );
  const all = [...failureItems(runFailures(rehearsal)), ...items];
  if (all.length > 0) return all;
  const isUpToDate = rehearsal.schemas.every(({ state }) => state === 'up-to-date');
  return [`nothing was rehearsed: ${isUpToDate ? 'everything is up to date' : 'no file is pending'}`];
}
