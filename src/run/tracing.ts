import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api';
import { SqlmigError } from '../errors.ts';
import type { OnEvent, RunEvent } from '../events.ts';
import type { Config } from '../project/config.ts';
import type { ErrorDetails } from '../results.ts';
import { createSchemaSpans, errorAttributes, exceptionOf, serverAttributes } from './schema-spans.ts';

type Api = typeof import('@opentelemetry/api');

// The key under which @opentelemetry/api registers itself globally; without it nothing is traced.
const registry = Symbol.for('opentelemetry.js.api.1');
const mostExceptions = 10;

/** A library function to trace, with its options. */
interface TracedWork<O extends { readonly onEvent?: OnEvent }, T> {
  readonly options: O;
  /** Gets the options with a listener that also calls the listener of `options`. */
  readonly work: (config: Config, options: O) => Promise<T>;
}

/** The properties of a result that traces use. */
export interface TracedResult {
  readonly error?: ErrorDetails;
  readonly schemas?: readonly { readonly state: string; readonly error?: ErrorDetails }[];
}

/**
 * Runs a library function. If the application has set up OpenTelemetry, makes spans by the conventions for database
 * clients: one for the run, even if it cannot start, and below it one for each phase, each schema with work, and each
 * file.
 */
export async function traced<O extends { readonly onEvent?: OnEvent }, T extends TracedResult>(
  verb: string,
  config: Config,
  { options, work }: TracedWork<O, T>,
): Promise<T> {
  const api = registry in globalThis ? await import('@opentelemetry/api').catch(() => null) : null;
  if (api === null) return work(config, options);
  const { database } = config;
  const [host, ...others] = database.target.hosts;
  const server = host === undefined || others.length > 0 ? {} : serverAttributes(host.host, host.port);
  const trace = beginTrace(api, verb, {
    'db.system.name': 'postgresql',
    ...server,
    ...(database.target.database !== null && { 'db.namespace': database.target.database }),
  });
  try {
    const onEvent: OnEvent = (event) => {
      trace.note(event);
      options.onEvent?.(event);
    };
    const result = await work(config, { ...options, onEvent });
    trace.end(errorsOf(result));
    return result;
  } catch (error) {
    trace.end([error instanceof SqlmigError ? error.details : { code: 'defect', message: String(error) }]);
    throw error;
  }
}

/** The error of the run and of each failed schema. A skipped schema only repeats another error. */
function errorsOf({ error, schemas = [] }: TracedResult): ErrorDetails[] {
  const failed = schemas.filter(({ state }) => state !== 'skipped');
  return [{ error }, ...failed].flatMap((part) => part.error ?? []);
}

interface Trace {
  note(event: RunEvent): void;
  end(errors: readonly ErrorDetails[]): void;
}

function beginTrace(api: Api, verb: string, attributes: Attributes): Trace {
  const tracer: Tracer = api.trace.getTracer('sqlmig');
  const run = tracer.startSpan(`sqlmig ${verb}`, { attributes });
  const below = (span: Span): Context => api.trace.setSpan(api.context.active(), span);
  const shared = { ...attributes };
  const fail = (span: Span, { message }: ErrorDetails) =>
    span.setStatus({ code: api.SpanStatusCode.ERROR, message });
  const schemas = createSchemaSpans(tracer, { below, fail, client: api.SpanKind.CLIENT });
  let phase: Span | null = null;
  return {
    note(event) {
      if (event.type === 'run-started') {
        const [, name = event.host, port] = /^([^/].*):(\d+)$/.exec(event.host) ?? [];
        Object.assign(shared, { ...serverAttributes(name, Number(port)), 'db.namespace': event.database });
        run.setAttributes({ ...shared, 'sqlmig.run_id': event.runId });
      } else if (event.type === 'phase-started') {
        phase?.end();
        const { scope, total, pending } = event;
        const counts = { 'sqlmig.scope': scope, 'sqlmig.schemas': total, 'sqlmig.pending': pending };
        phase = tracer.startSpan(`sqlmig ${scope}`, { attributes: { ...shared, ...counts } }, below(run));
      } else if (event.type === 'schema-finished') {
        schemas.note(event, shared, below(phase ?? run));
      } else if (event.type === 'run-finished') {
        const { result } = event;
        const { failed, skipped, rehearsed = false } = result;
        run.setAttributes({
          ...('undone' in result
            ? { 'sqlmig.undone': result.undone, 'sqlmig.unchanged': result.unchanged }
            : { 'sqlmig.applied': result.applied, 'sqlmig.up_to_date': result.upToDate }),
          'sqlmig.failed': failed,
          'sqlmig.skipped': skipped,
          'sqlmig.rehearsed': rehearsed,
        });
      }
    },
    end(errors) {
      phase?.end();
      const [first] = errors;
      if (first !== undefined) {
        const message =
          errors.length === 1 ? first.message : `${first.message}; and ${errors.length - 1} more`;
        run.setAttributes(errorAttributes(first));
        fail(run, { ...first, message });
      }
      // The span of a schema has its error.
      const others = errors.filter(({ schema }) => schema === undefined || !schemas.has(schema));
      for (const error of others.slice(0, mostExceptions)) run.recordException(exceptionOf(error));
      run.end();
    },
  };
}
