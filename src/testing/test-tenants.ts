import { randomBytes } from 'node:crypto';
import { errorFrom } from '../errors.ts';
import { createTenant } from '../operations/create-tenant.ts';
import { dropTenant } from '../operations/drop-tenant.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { checkOptions, type Kinds, text, textList, wholeNumber } from '../project/option.ts';

/** How tenants for tests are made. */
export interface TestTenantOptions {
  /** The beginning of their names; `test` by default. */
  readonly prefix?: string;
  /** Kinds of the config whose files they get. */
  readonly scopes?: readonly string[];
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

const oneKinds: Kinds<TestTenantOptions> = { prefix: text, scopes: textList };
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
  const { error } = await createTenant(config, {
    name,
    unlisted: true,
    scopes: options.scopes ?? [],
  });
  if (error !== undefined) throw errorFrom(error);
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
  // Without those that were given out.
  const ready: Promise<TestTenant>[] = [];
  const made = new Set<Promise<TestTenant>>();
  let hasEnded = false;
  const make = () => {
    const tenant = createTestTenant(config, one);
    // Its error is that of the test that asks for it.
    tenant.catch(() => {});
    made.add(tenant);
    return tenant;
  };
  const end = async () => {
    hasEnded = true;
    ready.length = 0;
    const ends = await Promise.allSettled(made);
    made.clear();
    await Promise.all(ends.map((end) => end.status === 'fulfilled' && end.value.drop()));
  };
  return {
    async create() {
      hasEnded = false;
      const tenant = await (ready.shift() ?? make());
      while (!hasEnded && ready.length < ahead) ready.push(make());
      return tenant;
    },
    end,
    [Symbol.asyncDispose]: end,
  };
}

async function dropTestTenant(config: Config, name: string): Promise<void> {
  const { error } = await dropTenant(config, { name, ifExists: true, accept: () => true });
  if (error !== undefined) throw errorFrom(error);
}
