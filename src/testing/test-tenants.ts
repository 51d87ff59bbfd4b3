import { randomBytes } from 'node:crypto';
import { SqlmigError } from '../errors.ts';
import { createTenant } from '../operations/create-tenant.ts';
import { dropTenant } from '../operations/drop-tenant.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { checkOptions, type Kinds, text, wholeNumber } from '../project/option.ts';
import type { ErrorDetails } from '../results.ts';

/** How tenants for tests are made. */
export interface TestTenantOptions {
  /** The beginning of their names; `test` by default. */
  readonly prefix?: string;
}

/** A tenant for one test. */
export interface TestTenant extends AsyncDisposable {
  /** The name of its schema, which no other test has. */
  readonly name: string;
  /** Drops it; a second call does nothing. `await using` calls it. */
  drop(): Promise<void>;
}

/** How `testTenants` works ahead. */
export interface TestTenantsOptions extends TestTenantOptions {
  /** How many tenants are created before a test asks for them; 1 by default. */
  readonly ahead?: number;
}

/** Tenants for the tests of one file. */
export interface TestTenants extends AsyncDisposable {
  /** A tenant that no test has used: one that is ready, if there is one. */
  create(): Promise<TestTenant>;
  /** Drops all tenants that are left. `await using` calls it. */
  end(): Promise<void>;
}

const oneKinds: Kinds<TestTenantOptions> = { prefix: text };
const kinds: Kinds<TestTenantsOptions> = { ...oneKinds, ahead: wholeNumber(0) };

/**
 * Creates a tenant for a test from the migration files, with a name of its own, whether or not the tenant source lists it.
 * Tests in any number of processes can do so at the same time. Public must be up to date.
 * @throws SqlmigError as `createTenant` does, and the error of a file that failed.
 */
export async function createTestTenant(config: Config, options: TestTenantOptions = {}): Promise<TestTenant> {
  requireConfig(config);
  checkOptions(options, oneKinds);
  const name = `${options.prefix ?? 'test'}_${randomBytes(6).toString('hex')}`;
  const { error } = await createTenant(config, { name, unlisted: true });
  if (error !== undefined) throw asError(error);
  let dropped: Promise<void> | null = null;
  const drop = () => {
    dropped ??= dropTestTenant(config, name);
    return dropped;
  };
  return { name, drop, [Symbol.asyncDispose]: drop };
}

/**
 * Tenants for the tests of one file. While a test runs, the next one's tenant is created, so that it is usually ready when
 * the test asks for it.
 * @throws SqlmigError `bad-usage`, `config-invalid`; `create` as `createTestTenant`.
 */
export function testTenants(config: Config, options: TestTenantsOptions = {}): TestTenants {
  requireConfig(config);
  checkOptions(options, kinds);
  const { ahead = 1, ...one } = options;
  const ready: Promise<TestTenant>[] = [];
  const given = new Set<TestTenant>();
  const prepare = () => {
    const tenant = createTestTenant(config, one);
    // Its error is that of the test that asks for it.
    tenant.catch(() => {});
    ready.push(tenant);
  };
  const end = async () => {
    const unused = (await Promise.allSettled(ready.splice(0))).flatMap((one) =>
      one.status === 'fulfilled' ? [one.value] : [],
    );
    await Promise.all([...given, ...unused].map((tenant) => tenant.drop()));
    given.clear();
  };
  return {
    async create() {
      if (ready.length === 0) prepare();
      const next = ready.shift();
      while (ready.length < ahead) prepare();
      const tenant = await next;
      if (tenant === undefined) throw new RangeError('one was prepared');
      given.add(tenant);
      return tenant;
    },
    end,
    [Symbol.asyncDispose]: end,
  };
}

async function dropTestTenant(config: Config, name: string): Promise<void> {
  const { error } = await dropTenant(config, { name, ifExists: true, accept: () => true });
  if (error !== undefined) throw asError(error);
}

function asError({ code, message, ...context }: ErrorDetails): SqlmigError {
  return new SqlmigError(code as SqlmigError['code'], message, context);
}
