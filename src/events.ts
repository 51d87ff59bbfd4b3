import type { AppliedMigration, SchemaOutcome, Scope, UpResult } from './results.ts';

/** Everything a run tells while it goes on; reporters draw, the library only emits. */
export type RunEvent =
  /** A run begins, on this database, as the server calls it, of this host (a name with its port, or a socket). */
  | {
      readonly type: 'run-started';
      readonly runId: string;
      readonly database: string;
      readonly host: string;
    }
  /** The schemas of a scope, `total` of them, were looked at; `pending` have work. */
  | {
      readonly type: 'phase-started';
      readonly scope: Scope;
      readonly total: number;
      readonly pending: number;
    }
  /** A schema is settled, for better or worse. */
  | {
      readonly type: 'schema-finished';
      readonly outcome: SchemaOutcome;
      /** Since work in it began, with all that it waited for; none where it was not begun, or went along with others. */
      readonly elapsedMs?: number;
    }
  /** One migration of a schema was committed; told when its message is done. */
  | {
      readonly type: 'migration-applied';
      readonly schema: string;
      readonly scope: Scope;
      readonly migration: AppliedMigration;
    }
  /** A schema was put aside and will be tried again. */
  | { readonly type: 'retrying'; readonly schema: string; readonly reason: string; readonly attempt: number }
  /** The run is over. */
  | { readonly type: 'run-finished'; readonly result: UpResult }
  /** Nothing has moved for a while because of locks. */
  | { readonly type: 'waiting'; readonly schema: string; readonly waitedMs: number; readonly holders: string }
  /** Something people should know that changes nothing. */
  | { readonly type: 'warning'; readonly message: string; readonly schema?: string }
  /** Something the server sent that is no error, as it came. */
  | {
      readonly type: 'server-notice';
      /** WARNING, NOTICE, INFO, LOG or DEBUG. */
      readonly severity: string;
      readonly sqlstate: string;
      readonly message: string;
      /** A warning, or the server itself says that it skipped or cut something, or dropped more than was named. */
      readonly important: boolean;
      /** The schema whose file ran; none while statements of sqlmig's own did. */
      readonly schema?: string;
      readonly scope?: Scope;
      /** The file, where only one can have caused it. */
      readonly file?: string;
      /** From 1; where the statement is certain. */
      readonly line?: number;
    };

/** Takes the events of a run, in order. What it throws is a warning of the process, and the run goes on. */
export type OnEvent = (event: RunEvent) => void;
