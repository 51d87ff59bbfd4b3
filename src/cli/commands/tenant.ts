import { createTenant } from '../../operations/create-tenant.ts';
import { listTenants } from '../../operations/list-tenants.ts';
import { printable } from '../../report/table.ts';
import { tenantCreatedText } from '../../report/up.ts';
import { defineCommand } from '../command.ts';
import { exitCodeOf } from '../execute.ts';
import { changeArgs, changeOptions, commitArgs, commitOptions } from '../options.ts';

/** `sqlmig tenant create`. */
export const tenantCreateCommand = defineCommand<{ name: string }>()({
  name: 'tenant create',
  describe: 'Create a tenant schema and apply all tenant migrations',
  pattern: '<name>',
  positionals: { name: { type: 'string', demandOption: true, describe: 'Name of the schema' } },
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
      describe: 'Bring the schema up to date if it exists, instead of an error',
    },
  },
  examples: [
    ['tenant create acme', 'create the schema "acme" with all tenant migrations, or nothing at all'],
    ['tenant create acme --if-not-exists', 'the same, or bring it up to date; may be repeated'],
  ],
  prepare: (args) => {
    const { name, unlisted, ifNotExists } = args;
    const options = { ...changeArgs(args), ...commitArgs(args), name, unlisted, ifNotExists };
    return async ({ config, signal, onEvent }) => {
      const outcome = await createTenant(config, { ...options, signal, onEvent });
      const { error } = outcome;
      return {
        exitCode: error === undefined ? 0 : exitCodeOf([error]),
        json: outcome,
        text: () => tenantCreatedText(outcome),
        failures: error === undefined ? [] : [outcome],
      };
    };
  },
});

/** `sqlmig tenant list`. */
export const tenantListCommand = defineCommand()({
  name: 'tenant list',
  describe: 'List the tenants',
  options: {},
  examples: [['tenant list', 'one name per line']],
  prepare:
    () =>
    async ({ config, signal }) => {
      const tenants = await listTenants(config, { signal });
      const failures = tenants.filter(({ error }) => error !== undefined);
      return {
        exitCode: failures.length === 0 ? 0 : 1,
        json: { tenants },
        failures,
        text: () =>
          tenants
            .filter(({ error }) => error === undefined)
            .map(({ schema, exists }) => `${printable(schema)}${exists ? '' : '  (no schema yet)'}\n`)
            .join(''),
        summary: tenants.length === 0 ? 'no tenants\n' : '',
      };
    },
});
