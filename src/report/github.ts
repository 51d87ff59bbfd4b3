import type { FileFinding, Finding } from '../results.ts';
import type { DriftFinding, NotReplayedFinding } from '../verify-results.ts';
import { type Failure, failuresAlike } from './error.ts';
import { findingsAlike } from './findings.ts';
import { type NamedSchema, schemaNames } from './table.ts';

/** A message that GitHub shows beside a line of a file, or above the log if there is no file. */
export interface Annotation {
  readonly level: 'error' | 'warning';
  /** The code of an error, or the kind of a finding. */
  readonly code: string;
  readonly message: string;
  readonly file?: string | undefined;
  readonly line?: number | undefined;
  readonly column?: number | undefined;
}

type StructureFinding = DriftFinding | NotReplayedFinding;

type SomeFinding =
  | Finding
  | StructureFinding
  | (Pick<FileFinding, 'rule' | 'file' | 'line' | 'column' | 'message'> & {
      readonly kind: 'lint' | 'down-file';
    });

const mostNames = 3;

/** Errors, one annotation for all schemas with the same one. Schemas that were not started have none. */
export function failureAnnotations(failures: readonly Failure[]): Annotation[] {
  return failuresAlike(failures).flatMap(({ error, schemas }) =>
    error === undefined || error.code === 'stopped'
      ? []
      : [{ ...error, level: 'error' as const, message: withNames(error.message, schemas) }],
  );
}

/** Findings, one annotation for all schemas with the same one. */
export function findingAnnotations(
  findings: readonly SomeFinding[],
  levelOf: (finding: SomeFinding) => Annotation['level'],
): Annotation[] {
  const inSchemas = findings.filter(
    (finding): finding is Finding => !isInFile(finding) && !isOfStructure(finding),
  );
  const inFiles = findings.filter(isInFile);
  return [
    ...findingsAlike(inSchemas).map((group) => {
      const [finding] = group;
      const { kind, message, file } = finding;
      return { level: levelOf(finding), code: kind, message: withNames(message, group), file };
    }),
    ...findings.filter(isOfStructure).map((finding) => {
      const { kind, message, schemas } = finding;
      const { file, line, column } = kind === 'drift' ? { file: finding.file } : finding.error;
      const shown = withNames(
        message,
        schemas.map((schema) => ({ schema })),
      );
      return { level: levelOf(finding), code: kind, message: shown, file, line, column };
    }),
    ...inFiles.map((finding) => {
      const { rule, message, file, line, column } = finding;
      return { level: levelOf(finding), code: rule, message, file, line, column };
    }),
  ];
}

/** An annotation as a workflow command of GitHub. */
export function annotationLine({ level, code, message, file, line, column }: Annotation): string {
  const place = { ...(file && { file }), ...(line && { line }), ...(column && { col: column }) };
  const properties = Object.entries({ ...place, title: `sqlmig: ${code}` }).map(
    ([key, value]) => `${key}=${escaped(String(value)).replaceAll(':', '%3A').replaceAll(',', '%2C')}`,
  );
  return `::${level} ${properties.join(',')}::${escaped(message)}\n`;
}

function isOfStructure(finding: SomeFinding): finding is StructureFinding {
  return finding.kind === 'drift' || finding.kind === 'not-replayed';
}

function isInFile(finding: SomeFinding): finding is Exclude<SomeFinding, Finding | StructureFinding> {
  return finding.kind === 'lint' || finding.kind === 'down-file';
}

function withNames(message: string, schemas: readonly NamedSchema[]): string {
  return schemas.length === 0 ? message : `${message} (${schemaNames(schemas, mostNames)})`;
}

function escaped(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}
