import type {
  AppliedMigration,
  DownResult,
  SchemaOutcome,
  ScopeName,
  UndoneSchema,
  UpResult,
} from './results.ts';

/** An event of a run, as passed to `onEvent`. */
export type RunEvent = {
  /** The name of the database in the config, if the config has several. Each database has a run-started and a run-finished. */
  readonly database?: string;
} /** The run has started. `host` is a name with its port, or the path of a socket. */ & (
  | {
      readonly type: 'run-started';
      readonly runId: string;
      readonly database: string;
      readonly host: string;
    }
  /** The histories of a scope have been read: `pending` of `total` schemas have pending migrations, or ones to undo. */
  | {
      readonly type: 'phase-started';
      readonly scope: ScopeName;
      readonly total: number;
      readonly pending: number;
    }
  /** The outcome of a schema is known. */
  | {
      readonly type: 'schema-finished';
      /** An `UndoneSchema` if the run is one of `down`. */
      readonly outcome: SchemaOutcome | UndoneSchema;
      /** The time since work in the schema started, with waits; absent if it was not started, or ran in a batch. */
      readonly elapsedMs?: number;
    }
  /** A migration was committed. The event follows when the message that contained it is complete. */
  | {
      readonly type: 'migration-applied';
      readonly schema: string;
      readonly scope: ScopeName;
      readonly migration: AppliedMigration;
    }
  /** A split or a move has begun to copy `rows` rows to `tenants` schemas. */
  | { readonly type: 'copy-started'; readonly tenants: number; readonly rows: number }
  /** The rows of a table were copied. They are committed with those of the tenant's other tables. */
  | {
      readonly type: 'rows-copied';
      readonly schema: string;
      readonly table: string;
      readonly rows: number;
    }
  /** A migration was undone and its row deleted, and both are committed. */
  | {
      readonly type: 'migration-undone';
      readonly schema: string;
      readonly scope: ScopeName;
      readonly migration: AppliedMigration;
    }
  /** An attempt at a schema failed, and another one will follow. */
  | { readonly type: 'retrying'; readonly schema: string; readonly reason: string; readonly attempt: number }
  /** The run has ended. */
  | { readonly type: 'run-finished'; readonly result: UpResult | DownResult }
  /** A schema has been waiting for a lock; `holders` describes the sessions that hold it. */
  | { readonly type: 'waiting'; readonly schema: string; readonly waitedMs: number; readonly holders: string }
  /** A warning, which changes neither the outcome nor the exit code; with `files`, it is about the files alone. */
  | {
      readonly type: 'warning';
      readonly message: string;
      readonly schema?: string;
      readonly files?: true;
    }
  /** A message of the server that is not an error, unchanged. */
  | {
      readonly type: 'server-notice';
      /** `WARNING`, `NOTICE`, `INFO`, `LOG` or `DEBUG`. */
      readonly severity: string;
      readonly sqlstate: string;
      readonly message: string;
      /** True for warnings, and for notices that the server skipped or truncated something, or dropped dependents. */
      readonly important: boolean;
      /** The schema whose file caused it; absent for statements of sqlmig itself. */
      readonly schema?: string;
      readonly scope?: ScopeName;
      /** The file, if only one can have caused it. */
      readonly file?: string;
      /** The line, from 1, if it is certain which statement caused it. */
      readonly line?: number;
    }
);

/** Receives the events of a run in order. An exception becomes a warning of the process, and the run continues. */
export type OnEvent = (event: RunEvent) => void;
