import { createTenant } from '../../operations/create-tenant.ts';
import { listTenants } from '../../operations/list-tenants.ts';
import { standing } from '../../report/standing.ts';
import { count, printable } from '../../report/table.ts';
import { defineCommand } from '../command.ts';
import { execute, exitCodeOf } from '../execute.ts';
import { lockArgs, lockOptions, readOnlyOption } from '../options.ts';

/** `sqlmig tenant create`. */
export const tenantCreateCommand = defineCommand<{ name: string }>()({
  name: 'tenant create',
  describe: 'Create a tenant: its schema and all tenant files',
  pattern: '<name>',
  positionals: { name: { type: 'string', demandOption: true, describe: 'The schema' } },
  options: {
    ...lockOptions,
    ...readOnlyOption,
    unlisted: {
      type: 'boolean',
      default: false,
      describe: 'Create it although "tenants" of the config does not list it',
    },
  },
  examples: [['tenant create acme', 'a schema "acme", up to date']],
  run: (args, terminal) =>
    execute(args, terminal, () => {
      const locks = lockArgs(args);
      return async ({ config, signal, onEvent }) => {
        const outcome = await createTenant(config, args.name, {
          ...locks,
          ignoreReadOnly: args.ignoreReadOnly,
          unlisted: args.unlisted,
          signal,
          onEvent,
        });
        const { schema, state, migrations, error } = outcome;
        const at = standing(outcome, [error?.code]);
        const applied =
          migrations.length === 0 ? 'created' : `${count(migrations.length, 'migration')} applied`;
        const how = state === 'applied' ? applied : state;
        return {
          exitCode: error === undefined ? 0 : exitCodeOf([error]),
          json: outcome,
          text: () => `${printable(schema)}  ${how}  ${at}\n`,
          failures: error === undefined ? [] : [outcome],
        };
      };
    }),
});

/** `sqlmig tenant list`. */
export const tenantListCommand = defineCommand()({
  name: 'tenant list',
  describe: 'List the tenants of the config',
  options: {},
  examples: [['tenant list', 'a name a line']],
  run: (args, terminal) =>
    execute(args, terminal, () => async ({ config, signal }) => {
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
    }),
});
