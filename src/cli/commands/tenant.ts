import { createTenant } from '../../operations/create-tenant.ts';
import { dropTenant } from '../../operations/drop-tenant.ts';
import { listTenants } from '../../operations/list-tenants.ts';
import { tenantExists } from '../../operations/tenant-exists.ts';
import { printable } from '../../report/table.ts';
import {
  stillListedText,
  tenantDroppedText,
  tenantDropText,
  tenantExistsText,
  tenantListText,
} from '../../report/tenant.ts';
import { tenantCreatedText } from '../../report/up.ts';
import { defineCommand } from '../command.ts';
import { confirms, exitCodeOf, exitCodeOfSchema } from '../execute.ts';
import { named } from '../named.ts';
import { changeArgs, changeOptions, commitArgs, commitOptions, yesOption } from '../options.ts';

const nameArgument = {
  name: { type: 'string', demandOption: true, describe: 'Name of the schema' },
} as const;

/** `sqlmig tenant create`. */
export const tenantCreateCommand = defineCommand<{ name: string }>()({
  name: 'tenant create',
  describe: 'Create a tenant schema and apply all tenant migrations',
  pattern: '<name>',
  positionals: nameArgument,
  options: {
    ...changeOptions,
    ...commitOptions,
    unlisted: {
      type: 'boolean',
      default: false,
      describe: 'Create it even if "tenants" in the config does not list it',
    },
    'if-not-exists': {
      type: 'boolean',
      default: false,
      describe: 'If the schema exists, bring it up to date instead of failing',
    },
    scope: {
      type: 'string',
      array: true,
      nargs: 1,
      takes: 'NAMES',
      describe: 'Also apply the files of these scopes of the config, whether or not they list it',
    },
  },
  examples: [
    ['tenant create acme', 'create the schema "acme" with all tenant migrations, or nothing at all'],
    ['tenant create acme --if-not-exists', 'the same, or bring it up to date; may be repeated'],
  ],
  prepare: (args) => {
    const { name, unlisted, ifNotExists, scope } = args;
    const scopes = scope === undefined ? {} : { scopes: scope.flatMap((names) => names.split(',')) };
    const options = { ...changeArgs(args), ...commitArgs(args), name, unlisted, ifNotExists, ...scopes };
    return async ({ config, signal, onEvent }) => {
      const outcome = await createTenant(config, { ...options, signal, onEvent });
      const { error } = outcome;
      return {
        exitCode: error === undefined ? 0 : exitCodeOf([error]),
        json: outcome,
        text: () => tenantCreatedText(named(config, outcome)),
        failures: error === undefined ? [] : [outcome],
      };
    };
  },
});

/** `sqlmig tenant list`. */
export const tenantListCommand = defineCommand()({
  name: 'tenant list',
  describe: 'List the tenants with their versions',
  options: {},
  examples: [['tenant list', 'the tenants of the config, then schemas that it does not list']],
  prepare:
    () =>
    async ({ config, signal }) => {
      const tenants = await listTenants(config, { signal });
      const failures = tenants.filter(({ error }) => error !== undefined);
      return {
        exitCode: failures.length === 0 ? 0 : 1,
        json: { tenants },
        failures,
        text: () => tenantListText(tenants),
        summary: tenants.length === 0 ? 'no tenants\n' : '',
      };
    },
});

/** `sqlmig tenant exists`. */
export const tenantExistsCommand = defineCommand<{ name: string }>()({
  name: 'tenant exists',
  describe: 'Exit with 0 if a schema exists, and with 1 if not',
  pattern: '<name>',
  positionals: nameArgument,
  options: {},
  examples: [['tenant exists acme', 'exit code 0 if there is a schema "acme"']],
  prepare:
    ({ name }) =>
    async ({ config, signal }) => {
      const found = await tenantExists(config, { name, signal });
      return {
        exitCode: found.exists ? 0 : 1,
        json: found,
        text: () => tenantExistsText(named(config, found)),
      };
    },
});

/** `sqlmig tenant drop`. */
export const tenantDropCommand = defineCommand<{ name: string }>()({
  name: 'tenant drop',
  describe: 'Drop a tenant schema with all its data',
  pattern: '<name>',
  positionals: nameArgument,
  options: {
    'if-exists': {
      type: 'boolean',
      default: false,
      describe: 'Succeed if the schema does not exist',
    },
    'without-history': {
      type: 'boolean',
      default: false,
      describe: 'Drop it even if it has no sqlmig history of a tenant',
    },
    ...changeOptions,
    ...yesOption,
  },
  examples: [
    ['tenant drop acme', 'show what would be dropped, ask, and drop it'],
    ['tenant drop acme --if-exists --yes', 'in a script; may be repeated'],
  ],
  prepare: (args, terminal) => {
    const { name, ifExists, withoutHistory } = args;
    const options = { ...changeArgs(args), name, ifExists, withoutHistory };
    return async ({ config, signal, onEvent }) => {
      const result = await dropTenant(config, {
        ...options,
        signal,
        onEvent,
        accept: async (plan) =>
          args.yes || confirms(terminal, `${tenantDropText(plan)}Drop ${printable(plan.schema)}?`),
      });
      const { state, error } = result;
      const ok = state === 'dropped' || state === 'absent';
      return {
        exitCode: exitCodeOfSchema(ok, error),
        json: { ok, ...result },
        text: () => tenantDroppedText(named(config, result)),
        summary: stillListedText(named(config, result)),
        failures: error === undefined ? [] : [{ error }],
      };
    };
  },
});
