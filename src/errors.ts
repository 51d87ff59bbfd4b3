import type { ErrorDetails, Location, TroubleKind } from './results.ts';

/**
 * The exit code of each error code: 1 for a failure or a finding, 2 for usage, config or files, 3 for a database
 * that is unreachable, read-only or refuses the login, 4 for a lock timeout, 70 for a defect, 74 for output that
 * failed.
 */
export const exitCodes = {
  'bad-usage': 2,
  'config-invalid': 2,
  'no-database-url': 2,
  'folder-missing': 2,
  'files-missing': 2,
  'bad-file-name': 2,
  'sub-folder': 2,
  'duplicate-version': 2,
  'bad-baseline': 2,
  'file-unreadable': 2,
  'file-not-utf8': 2,
  'file-has-nul': 2,
  'sql-syntax': 2,
  'transaction-control': 2,
  'psql-command': 2,
  'copy-stdin': 2,
  'discard-all': 2,
  'unrendered-placeholder': 2,
  'placeholder-unset': 2,
  'bad-placeholder': 2,
  'unknown-directive': 2,
  'down-section': 2,
  'enum-value-in-use': 2,
  'direct-url-needed': 2,
  'bad-tenant-name': 2,
  'unknown-tenant': 2,
  'no-tenant': 2,
  'other-tenant': 2,
  'transaction-over': 1,
  'tenant-exists': 1,
  'no-history': 1,
  'dependent-objects': 1,
  'half-dropped': 1,
  'tenant-moved': 1,
  'not-moved': 1,
  'copy-changed': 1,
  'name-in-use': 1,
  'not-reproducible': 1,
  'snapshot-refused': 1,
  'tenants-query-failed': 2,
  'foreign-history': 1,
  'history-damaged': 1,
  'history-unreadable': 1,
  'file-exists': 2,
  'embedded-missing': 2,
  'embedded-failed': 3,
  'connection-failed': 3,
  'login-refused': 3,
  'read-only': 3,
  'connection-lost': 1,
  'lock-timeout': 4,
  'migration-failed': 1,
  'server-refused': 1,
  'transaction-ended': 1,
  'changes-public': 1,
  'changes-other-schema': 1,
  'changes-history': 1,
  'history-not-kept': 1,
  'history-missing': 1,
  'server-wide': 2,
  'server-setting': 2,
  'extension-missing': 2,
  'invalid-index': 1,
  'index-differs': 1,
  'lock-released': 1,
  'nothing-to-settle': 2,
  unsettled: 1,
  'checksum-changed': 1,
  'out-of-order': 1,
  'baseline-incomplete': 1,
  'structure-changed': 1,
  'no-run-log': 1,
  'canary-check-failed': 1,
  'down-missing': 2,
  'down-changed': 1,
  incomplete: 1,
  'unlisted-tenant': 1,
  'public-behind': 1,
  'public-failed': 1,
  'tenant-failed': 1,
  'tenants-failed': 1,
  'schema-missing': 1,
  interrupted: 1,
  'outcome-unknown': 1,
  stopped: 1,
  'internal-error': 70,
  'output-failed': 74,
} as const;

/** The stable name of an error. Each has a heading in docs/errors.md. */
export type ErrorCode = keyof typeof exitCodes;

/** The codes that are also kinds of findings, for schemas that cannot be migrated. */
export const troubleCodes: readonly (string | undefined)[] = [
  'foreign-history',
  'history-damaged',
  'history-unreadable',
  'half-dropped',
  'tenant-moved',
  'bad-tenant-name',
] satisfies TroubleKind[];

/** The SQLSTATEs that sqlmig distinguishes (PostgreSQL documentation, appendix A). */
export const sqlstates = {
  syntaxError: '42601',
  undefinedTable: '42P01',
  undefinedSchema: '3F000',
  undefinedColumn: '42703',
  undefinedFunction: '42883',
  undefinedObject: '42704',
  invalidColumnReference: '42P10',
  uniqueViolation: '23505',
  lockNotAvailable: '55P03',
  deadlockDetected: '40P01',
  queryCanceled: '57014',
  insufficientResources: '53200',
  tooManyConnections: '53300',
  invalidPassword: '28P01',
  invalidAuthorization: '28000',
  invalidCatalogName: '3D000',
  duplicateDatabase: '42P04',
  insufficientPrivilege: '42501',
  dependentObjects: '2BP01',
  readOnly: '25006',
  unsafeNewEnumValue: '55P04',
  invalidTransactionTermination: '2D000',
  activeTransaction: '25001',
  objectInUse: '55006',
  internalError: 'XX000',
} as const;

/** The SQLSTATEs that sqlmig's checks raise inside a message. PostgreSQL does not use class "SQ". */
export const unitStates = {
  /** Another session holds the schema's key, or a key of public. */
  schemaBusy: 'SQM01',
  /** The history has changed since the plan was made. */
  historyChanged: 'SQM03',
  /** The schema was dropped, renamed or recreated. */
  schemaMissing: 'SQM04',
  /** The fleet key is held: a public unit runs or waits; for public, tenant units did not finish in time. */
  fleetBusy: 'SQM05',
  /** Public has changed since this run read it. */
  publicBehind: 'SQM06',
  /** The file ended its own transaction. */
  transactionEnded: 'SQM09',
  /** The file may have changed something outside its tenant. */
  suspicious: 'SQM13',
  /** The file changed the history table, or rows in it. */
  historyTouched: 'SQM14',
  /** The history table did not keep the row that was inserted. */
  rowRefused: 'SQM15',
  /** Another session is changing catalog rows that all tenants share. */
  sharedBusy: 'SQM17',
  /** Objects of other schemas depend on a schema that would be dropped. */
  dependents: 'SQM18',
  /** In a temporary database, the file changed what it shares with the other databases of the server. */
  beyondDatabase: 'SQM19',
  /** A schema that a snapshot would fill is not as CREATE SCHEMA leaves it. */
  notEmpty: 'SQM20',
  /** The session is no longer the one that took the locks. */
  lockLost: 'SQM12',
} as const;

/** The details of an error apart from its code and message. */
export interface SqlmigErrorContext {
  readonly sqlstate?: string | undefined;
  readonly location?: Location | undefined;
  /** The file, if the place in it is unknown or its text must not be shown. */
  readonly file?: string | undefined;
  /** The place in the file, if its text must not be shown. */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  readonly statement?: number | undefined;
  readonly statements?: number | undefined;
  readonly schema?: string | undefined;
  readonly database?: string | undefined;
  readonly state?: string | undefined;
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** Errors found at the same time. All are shown. */
  readonly others?: readonly SqlmigError[] | undefined;
}

/** The class of all errors that sqlmig throws. `code` identifies the error; `details` describes it as plain data. */
export class SqlmigError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
  readonly #others: readonly SqlmigError[];

  constructor(code: ErrorCode, message: string, context: SqlmigErrorContext = {}) {
    super(bounded(withoutPasswords(message)), { cause: context.cause });
    this.name = 'SqlmigError';
    this.code = code;
    const { location, file, line, column, cause: _, others = [], ...rest } = context;
    this.#others = others;
    this.details = present({
      ...rest,
      code,
      message: this.message,
      file: location?.file ?? file,
      line: location?.line ?? line,
      column: location?.column ?? column,
      lineText: location?.lineText,
      caret: location?.caret,
    });
  }

  /** All errors found at the same time, this one first. */
  get all(): readonly SqlmigError[] {
    return [this, ...this.#others];
  }

  /** Returns `details`, without the cause. */
  toJSON(): ErrorDetails {
    return this.details;
  }
}

/** True if an error means that the database cannot be reached or the connection was lost. */
export function isConnectionError(error: unknown): error is SqlmigError {
  const codes: readonly ErrorCode[] = ['connection-failed', 'connection-lost'];
  return error instanceof SqlmigError && codes.includes(error.code);
}

/** Combines a non-empty list of errors into one error. */
export function errorOfAll(errors: readonly SqlmigError[]): SqlmigError {
  const [first, ...others] = errors;
  if (first === undefined) throw new RangeError('no errors');
  return new SqlmigError(first.code, first.message, { ...contextOf(first), others });
}

/** Copies an error with another message. */
export function withMessage(error: SqlmigError, message: string): SqlmigError {
  return new SqlmigError(error.code, message, contextOf(error));
}

/** Copies an error with another hint. */
export function withHint(error: SqlmigError, hint: string): SqlmigError {
  return new SqlmigError(error.code, error.message, { ...contextOf(error), hint });
}

/** Copies an error with the database that it occurred in. */
export function inDatabase(error: SqlmigError, database: string): SqlmigError {
  return new SqlmigError(error.code, error.message, { ...contextOf(error), database });
}

/** The error that the details describe. */
export function errorFrom(details: ErrorDetails): SqlmigError {
  const context = { ...details, location: locationIn(details) };
  return new SqlmigError(details.code as ErrorCode, details.message, context);
}

function contextOf({ details, cause }: SqlmigError): SqlmigErrorContext {
  return { ...details, location: locationIn(details), cause };
}

/** Returns the place of an error with its text, or `undefined` if it has none. */
export function locationIn({ file, line, column, lineText, caret }: ErrorDetails): Location | undefined {
  if (file === undefined || line === undefined || column === undefined) return undefined;
  return lineText === undefined ? undefined : { file, line, column, lineText, caret: caret ?? column };
}

// The server quotes values and tokens of any length in full.
const longestMessage = 1000;

function bounded(message: string): string {
  return message.length <= longestMessage ? message : `${message.slice(0, longestMessage)}…`;
}

/**
 * Removes the passwords of connection strings from a text. A password may contain any character, so its end is unknown:
 * everything after its start is removed.
 */
function withoutPasswords(text: string): string {
  return (
    text
      .replace(/(?<!\b(?:https?|file)):\/\/[\s\S]*/gi, '://***')
      .replace(/(\w:\/\/)[\s\S]*@/g, '$1***@')
      // A URL that was treated as a path has lost a slash.
      .replace(/\b(postgres(?:ql)?:\/)(?!\/)[\s\S]*/gi, '$1***')
      .replace(/\b((?:ssl)?pass(?:word|wd)?\s*=)[\s\S]*/gi, '$1***')
  );
}

function present(details: { [K in keyof ErrorDetails]: ErrorDetails[K] | undefined }): ErrorDetails {
  return Object.fromEntries(
    Object.entries(details).filter(([, value]) => value !== undefined),
  ) as unknown as ErrorDetails;
}
