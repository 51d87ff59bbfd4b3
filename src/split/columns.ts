import { quoteIdentifier } from '../sql/quote.ts';
import type { SplitObstacle } from './paths.ts';
import type { SplitColumn, TableShape } from './tables.ts';

/** A column of a shared table and the tenant's column that takes its values. */
export interface ColumnPair {
  readonly name: string;
  /** The type of the tenant's column. */
  readonly type: string;
  /** The type of the shared column. */
  readonly sharedType: string;
  /** How a value becomes one of that type; `null` if it is one. */
  readonly conversion: 'cast' | 'text' | null;
}

/** How the columns of a shared table and of a tenant's correspond. */
export interface ColumnMatch {
  readonly copied: readonly ColumnPair[];
  /** Columns that only the shared table has. */
  readonly onlyShared: readonly string[];
  /** Columns that only the tenant's table has: they get their defaults. */
  readonly onlyTenant: readonly string[];
  /** Columns that the tenant's table computes. */
  readonly generated: readonly string[];
  readonly obstacles: readonly SplitObstacle[];
}

/** Matches the columns of a shared table and of the tenant's table of the same name, by name. */
export function matchColumns(shared: TableShape, made: TableShape): ColumnMatch {
  const theirs = new Map(shared.columns.map((column) => [column.name, column]));
  const own = new Map(made.columns.map((column) => [column.name, column]));
  const onlyTenant = made.columns.filter(({ name, isGenerated }) => !theirs.has(name) && !isGenerated);
  const copied = made.columns.filter(({ name, isGenerated }) => theirs.has(name) && !isGenerated);
  const obstacles = onlyTenant
    .filter(({ notNull, hasDefault, isIdentity }) => notNull && !hasDefault && !isIdentity)
    .map(({ name }) => ({
      table: shared.name,
      message: `the tenant's table has a column "${name}" that is NOT NULL without a default, and the shared table lacks it`,
      hint: 'give the column a default in a tenant file, or add it to the shared table',
    }));
  return {
    copied: copied.map((column) => ({
      name: column.name,
      type: column.type,
      sharedType: theirs.get(column.name)?.type ?? column.type,
      conversion: conversionOf(theirs.get(column.name), column),
    })),
    onlyShared: shared.columns.filter(({ name }) => !own.has(name)).map(({ name }) => name),
    onlyTenant: onlyTenant.map(({ name }) => name),
    generated: made.columns.filter(({ isGenerated }) => isGenerated).map(({ name }) => name),
    obstacles,
  };
}

// Types of the same name in two schemas, such as an enum, have no cast between them, but the same text.
function conversionOf(from: SplitColumn | undefined, to: SplitColumn): ColumnPair['conversion'] {
  if (from === undefined || from.type === to.type) return null;
  return from.isBuiltIn && to.isBuiltIn ? 'cast' : 'text';
}

/** SQL expression: the value of a column of `alias` to insert; PostgreSQL assigns what it can cast. */
export function insertedValue({ name, type, conversion }: ColumnPair, alias: string): string {
  const value = `${alias}.${quoteIdentifier(name)}`;
  return conversion === 'text' ? `${value}::pg_catalog.text::${type}` : value;
}

/** A column to compare; the shared value is cast to `cast` if its type differs. */
export interface ComparedColumn {
  readonly name: string;
  readonly cast: string | null;
}

/** How the columns of a table are compared. A value that was converted by way of text has the same text. */
export function comparedColumns({ copied }: ColumnMatch): ComparedColumn[] {
  return copied.map(({ name, type, conversion }) => ({ name, cast: conversion === 'cast' ? type : null }));
}

// The types within which PostgreSQL rounds a value to assign it.
const rounding = [
  /^(?:smallint|integer|bigint|numeric|real|double)\b/,
  /^(?:date|timestamp)\b/,
  /^time\b/,
  /^interval\b/,
];

/** SQL: the number of shared rows of `alias` of which the tenant's columns cannot hold a number or a time exactly. */
export function rounded({ copied }: ColumnMatch, alias: string): string {
  const pairs = copied.filter(
    ({ conversion, type, sharedType }) =>
      conversion === 'cast' && rounding.some((family) => family.test(type) && family.test(sharedType)),
  );
  const changes = pairs.map(({ name, type, sharedType }) => {
    const value = `${alias}.${quoteIdentifier(name)}`;
    return `${value}::${type}::${sharedType} <> ${value}`;
  });
  return changes.length === 0 ? '0' : `count(*) filter (where ${changes.join(' or ')})`;
}

/**
 * Settings of every transaction that compares rows. Rows that the role cannot see must be an error, and a checksum must be
 * the same in every session.
 */
export const comparing = `SET LOCAL row_security = off;
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
SET LOCAL intervalstyle = 'postgres';
SET LOCAL extra_float_digits = 1;
SET LOCAL bytea_output = 'hex';
SET LOCAL lc_monetary = 'C';
`;

/** SQL: the number of shared rows of `alias`, and a checksum that does not depend on their order. */
export function sharedChecksum(columns: readonly ComparedColumn[], alias: string): string {
  const values = columns.map(({ name, cast }) => {
    const value = `${alias}.${quoteIdentifier(name)}`;
    return cast === null ? value : `${value}::${cast}`;
  });
  return countAndChecksum(values);
}

/** SQL: the same of a tenant's rows. */
export function ownChecksum(columns: readonly ComparedColumn[], alias: string): string {
  return countAndChecksum(columns.map(({ name }) => `${alias}.${quoteIdentifier(name)}`));
}

function countAndChecksum(values: readonly string[]): string {
  return `count(*) as rows, coalesce(sum(hashtextextended(row(${values.join(', ')})::text, 0)), 0)::text as checksum`;
}
