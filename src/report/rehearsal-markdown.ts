import type { ErrorDetails, UpResult } from '../results.ts';
import { costsText } from './costs.ts';
import { runFailures } from './error.ts';
import { failureItems } from './failures-markdown.ts';
import { codeSpan, linesOfItem } from './markdown.ts';

/** The document of a rehearsal, as far as a comment shows it: its result, or why it could not start. */
export type RehearsalDocument = UpResult | { readonly ok: false; readonly errors: readonly ErrorDetails[] };

/** Reads the document that `up --rehearse --json` prints; `null` if a text is something else. */
export function rehearsalDocument(text: string): RehearsalDocument | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { ok, rehearsed, schemas, costs = [], errors } = value as Readonly<Record<string, unknown>>;
  const isResult = rehearsed === true && Array.isArray(schemas) && Array.isArray(costs);
  const isFailure = ok === false && Array.isArray(errors);
  return typeof ok === 'boolean' && (isResult || isFailure) ? (value as RehearsalDocument) : null;
}

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
