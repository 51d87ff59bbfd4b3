import type { Scope } from '../results.ts';
import type { LintRule } from './lint-rules.ts';
import type { Range } from './ranges.ts';

/** One SQL file, read and checksummed but not yet parsed. */
export interface Migration {
  readonly scope: Scope;
  /** Digits exactly as in the file name; `null` for a repeatable. */
  readonly version: string | null;
  readonly name: string;
  /** sha-256 of the text without BOM and with LF line ends, lower-case hex. */
  readonly checksum: string;
  /** Path as shown to people: relative to the working directory. */
  readonly file: string;
  /** The text without BOM, line ends as they are. */
  readonly text: string;
  /** The versions that a baseline replaces; absent for other migrations. */
  readonly replaces?: readonly { readonly from: string; readonly to: string }[];
  /** It undoes its version, in a `.down.sql` file; absent for other migrations. */
  readonly undoes?: true;
  /** The `.down.sql` file that undoes it; absent if there is none. */
  readonly undoneBy?: Migration;
  /** The values of placeholders by name, in lower case; absent if placeholders are not filled in. */
  readonly vars?: ReadonlyMap<string, string>;
}

/** A parsed migration that may be sent. */
export interface Script {
  readonly migration: Migration;
  /**
   * The text with blanks for pairs of BEGIN and COMMIT and for a dump's head, and with stand-ins for placeholders, all
   * positions unchanged. See `sentText` for what is sent.
   */
  readonly text: string;
  readonly statements: readonly Statement[];
  /** In the file's order. */
  readonly placeholders: readonly Placeholder[];
  /** The placeholders without a value; a script that has some cannot be sent. */
  readonly unset: readonly NamedPlaceholder[];
  /** Why it cannot run in a transaction, in words; `null` where it can. */
  readonly nonTransactional: string | null;
  /** True if a tenant file declares that it changes public. */
  readonly allowsPublic: boolean;
  /** True if the file declares that it shares its transaction with no other file. */
  readonly ownTransaction: boolean;
  readonly lints: readonly Lint[];
  /** What locks a table for long, rewrites it, or breaks a running release. */
  readonly lockLints: readonly Lint[];
  /** What puts extensions into schemas. In a tenant file `CREATE EXTENSION` is skipped before it runs. */
  readonly extensions: readonly ExtensionStatement[];
  readonly sharedRows: SharedRows;
}

/** A name or a string constant in a file that contains placeholders. */
export interface Placeholder extends Range {
  /** Its form in SQL: a name, a name that is quoted in the file, or a string constant. */
  readonly form: 'name' | 'quoted-name' | 'literal';
  /** The text in the file. */
  readonly written: string;
  /** Its value, with `tenantMark` for the tenant's name. */
  readonly says: string;
  /** The character that stands for its value in `Script.text`. */
  readonly mark: string;
  /** The SQL that is sent; `null` until the tenant is known. */
  readonly sql: string | null;
}

/** A placeholder: its name in lower case, and its UTF-16 index into the file. */
export interface NamedPlaceholder {
  readonly name: string;
  readonly index: number;
}

/** A `CREATE EXTENSION`, an `ALTER EXTENSION ... SET SCHEMA`, or a block that has the words of the first. */
export interface ExtensionStatement {
  readonly kind: 'create' | 'move' | 'block';
  readonly name: string;
  /** The schema it names; `null` if it names none. */
  readonly schema: string | null;
  /** UTF-16 indexes into the file. */
  readonly start: number;
  readonly end: number;
}

/** Which rows of the system catalogs a script changes that all tenants share, as far as its text says. */
export interface SharedRows {
  /** True if it certainly changes some. */
  readonly certain: boolean;
  /** Names whose rows it changes, schemas among them: shared if they denote something outside the tenant. */
  readonly names: ReadonlySet<string>;
}

/** One statement of a script; offsets are UTF-16 indexes into `Script.text`. */
export interface Statement {
  readonly start: number;
  readonly end: number;
  /** Node type of the PostgreSQL parser, such as `CreateStmt`. */
  readonly kind: string;
  readonly reach: Reach;
}

/** Which names of the database a statement can change the structure of, as far as its text says. */
export interface Reach {
  /** Every name in a position where the statement could change it, folded as by the parser. */
  readonly names: ReadonlySet<string>;
  /** Every word that could name a schema, those in blocks and function bodies included. */
  readonly words: ReadonlySet<string>;
  /** The tables that its foreign keys refer to, which it locks. */
  readonly references: ReadonlySet<string>;
  /** The table that it creates; `null` if there is none, or if it may exist already. */
  readonly creates: string | null;
  /** True if it may drop something; a foreign key locks the table that it refers to. */
  readonly drops: boolean;
  /** True if the text does not show it, as in a DO block: only the catalogs can, afterwards. */
  readonly opaque: boolean;
  /** True for an opaque statement that may change structure; writing rows fires triggers, but nothing more is expected of those. */
  readonly code: boolean;
  /** True if it may grant or revoke privileges. */
  readonly privileges: boolean;
  /** True if it may move an object into another schema. */
  readonly moves: boolean;
  /** True if it makes something temporary, which would outlive its transaction. */
  readonly temporary: boolean;
  /** The relations, or the enum, that it is about by kind and syntax. */
  readonly targets: readonly QualifiedName[];
}

/** A name with its schema, if it is qualified. */
export interface QualifiedName {
  readonly schema: string | null;
  readonly name: string;
}

/** Something in a file that is probably a mistake. */
export interface Lint {
  readonly rule: LintRule;
  /** UTF-16 index into the file. */
  readonly index: number;
  readonly message: string;
}
