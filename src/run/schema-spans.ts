import { basename } from 'node:path';
import type { Attributes, Context, Exception, Span, SpanKind, Tracer } from '@opentelemetry/api';
import type { RunEvent } from '../events.ts';
import { parseFileName } from '../project/file-name.ts';
import { migrationLabel } from '../project/order.ts';
import type { ErrorDetails, SchemaOutcome } from '../results.ts';

type Finished = Extract<RunEvent, { type: 'schema-finished' }>;

/** Makes the spans of schemas that had work, and of the files applied there. */
interface SchemaSpans {
  /** Makes the spans of a finished schema, as children of the span of its phase. */
  note(event: Finished, shared: Attributes, within: Context): void;
  /** Whether a schema has a span, which then has its error. */
  has(schema: string): boolean;
}

/** The spans of one run. The start of each file is computed back from the end of its schema. */
export function createSchemaSpans(
  tracer: Tracer,
  {
    below,
    fail,
    client,
  }: {
    readonly below: (span: Span) => Context;
    readonly fail: (span: Span, error: ErrorDetails) => void;
    /** The kind of a span that represents a call to the server. */
    readonly client: SpanKind;
  },
): SchemaSpans {
  const withSpan = new Set<string>();
  return {
    note({ outcome, elapsedMs }, shared, within) {
      const { schema, scope, state, migrations, error } = outcome;
      if (elapsedMs === undefined && migrations.length === 0) return;
      withSpan.add(schema);
      const files = migrations.reduce((sum, { durationMs }) => sum + durationMs, 0);
      const end = Date.now();
      const start = end - Math.max(files, elapsedMs ?? 0);
      const place = { ...shared, 'db.namespace': `${outcome.database}|${schema}` };
      const attributes = { ...place, 'sqlmig.schema': schema, 'sqlmig.scope': scope, 'sqlmig.state': state };
      const span = tracer.startSpan('sqlmig schema', { startTime: start, attributes }, within);
      let at = start;
      const startFile = (version: string | null, name: string, more: Attributes = {}) => {
        const migration = migrationLabel({ version, name });
        const query = {
          'db.operation.name': 'migrate',
          'db.query.summary': `migrate ${migration}`,
          'sqlmig.migration': migration,
        };
        const options = { kind: client, startTime: at, attributes: { ...place, ...query, ...more } };
        return tracer.startSpan(`migrate ${migration}`, options, below(span));
      };
      for (const { version, name, durationMs } of migrations) {
        const file = startFile(version, name);
        at += durationMs;
        file.end(at);
      }
      if (error !== undefined) {
        const failed = failedFile(outcome);
        const failing = failed === null ? span : startFile(failed.version, failed.name, placeOf(error));
        failing.setAttributes(errorAttributes(error));
        failing.recordException(exceptionOf(error), end);
        fail(failing, error);
        if (failing !== span) failing.end(end);
        span.setAttributes(errorAttributes(error));
        fail(span, error);
      }
      span.end(Math.max(at, end));
    },
    has: (schema) => withSpan.has(schema),
  };
}

/** The file that failed in a schema, or `null`. */
function failedFile({ state, error }: Pick<SchemaOutcome, 'error'> & { readonly state: string }): {
  version: string | null;
  name: string;
} | null {
  if (state !== 'failed' || error?.file === undefined) return null;
  const file = parseFileName(basename(error.file));
  if (file === null) return null;
  return file.kind === 'repeatable' ? { version: null, name: file.name } : file;
}

function placeOf({ file, line, statement }: ErrorDetails): Attributes {
  return {
    ...(file !== undefined && { 'sqlmig.file': file }),
    ...(line !== undefined && { 'sqlmig.line': line }),
    ...(statement !== undefined && { 'sqlmig.statement': statement }),
  };
}

/** The attributes that the conventions require of a failed span. */
export function errorAttributes({ code, sqlstate }: ErrorDetails): Attributes {
  return {
    'error.type': sqlstate ?? code,
    'sqlmig.error': code,
    ...(sqlstate !== undefined && { 'db.response.status_code': sqlstate }),
  };
}

/** An error in the form that tracing backends show. */
export function exceptionOf({ code, message }: ErrorDetails): Exception {
  return { name: code, message };
}

/** The address of the server; a socket has no port. */
export function serverAttributes(address: string, port: number): Attributes {
  const hasPort = Number.isInteger(port) && !address.startsWith('/');
  return { 'server.address': address, ...(hasPort && { 'server.port': port }) };
}
