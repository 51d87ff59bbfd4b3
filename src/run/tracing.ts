import type { Span, Tracer } from '@opentelemetry/api';
import type { OnEvent } from '../events.ts';
import type { AppliedMigration, SchemaOutcome } from '../model.ts';

// Where @opentelemetry/api keeps what the application has set up; without it there is nobody to trace for.
const registry = Symbol.for('opentelemetry.js.api.1');

/**
 * Passes events on, and makes spans of them where the application has set OpenTelemetry up: one for the run, below it
 * one for each schema that got something, below that one for each migration.
 */
export async function traced(emit: OnEvent): Promise<OnEvent> {
  if (!(registry in globalThis)) return emit;
  const api = await import('@opentelemetry/api').catch(() => null);
  if (api === null) return emit;
  const tracer = api.trace.getTracer('sqlmig');
  let run: Span | null = null;
  return (event) => {
    emit(event);
    if (event.type === 'run-started') {
      run = tracer.startSpan('sqlmig.up', {
        attributes: {
          'sqlmig.run_id': event.runId,
          'db.namespace': event.database,
          'db.system.name': 'postgresql',
        },
      });
    }
    const within = run === null ? api.context.active() : api.trace.setSpan(api.context.active(), run);
    if (event.type === 'schema-finished') {
      const { error } = event.outcome;
      const span = startSchema(tracer, event.outcome, within);
      const schema = api.trace.setSpan(within, span);
      let at = Date.now() - total(event.outcome.migrations);
      for (const migration of event.outcome.migrations) {
        tracer
          .startSpan('sqlmig.migration', { startTime: at, attributes: named(migration) }, schema)
          .end(at + migration.durationMs);
        at += migration.durationMs;
      }
      if (error !== undefined) span.setStatus({ code: api.SpanStatusCode.ERROR, message: error.message });
      span.end();
    }
    if (event.type === 'run-finished') {
      if (!event.result.ok) run?.setStatus({ code: api.SpanStatusCode.ERROR });
      run?.end();
    }
  };
}

function startSchema(
  tracer: Tracer,
  outcome: SchemaOutcome,
  within: Parameters<Tracer['startSpan']>[2],
): Span {
  const { schema, scope, state, migrations } = outcome;
  const attributes = { 'sqlmig.schema': schema, 'sqlmig.scope': scope, 'sqlmig.state': state };
  return tracer.startSpan('sqlmig.schema', { startTime: Date.now() - total(migrations), attributes }, within);
}

function total(migrations: readonly AppliedMigration[]): number {
  return migrations.reduce((sum, { durationMs }) => sum + durationMs, 0);
}

function named({ version, name }: AppliedMigration): Record<string, string> {
  return { 'sqlmig.version': version ?? 'R', 'sqlmig.name': name };
}
