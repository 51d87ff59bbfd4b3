import type { Argv } from 'yargs';
import { createTenant } from '../operations/create-tenant.ts';
import { listTenants } from '../operations/list-tenants.ts';
import { count, printable } from '../report/table.ts';
import { upErrors } from '../report/up.ts';
import { execute, exitCodeOf } from './execute.ts';
import { type GlobalOptions, lockArgs, lockOptions } from './options.ts';
import type { Terminal } from './terminal.ts';

/** `sqlmig tenant create` and `sqlmig tenant list`. */
export function tenantCommand(yargs: Argv<GlobalOptions>, terminal: Terminal, exit: (code: number) => void) {
  return yargs.command('tenant', 'Create and list tenants', (y) =>
    y
      .command(
        'create <name>',
        'Create a tenant: its schema and all tenant files',
        (z) =>
          z
            .positional('name', { type: 'string', demandOption: true, describe: 'The schema' })
            .options(lockOptions)
            .example('$0 tenant create acme', 'a schema "acme", up to date'),
        async (args) => exit(await create(args, terminal)),
      )
      .command(
        'list',
        'List the tenants of the config',
        (z) => z.example('$0 tenant list', 'a name a line'),
        async (args) => exit(await list(args, terminal)),
      )
      .demandCommand(1, 'tenant needs to know what: create or list')
      .strict(),
  );
}

type Args = Parameters<typeof execute>[0];

function create(args: Args & Parameters<typeof lockArgs>[0] & { name: string }, terminal: Terminal) {
  return execute(args, terminal, () => {
    const locks = lockArgs(args);
    return async ({ config, signal, onEvent }) => {
      const outcome = await createTenant(config, args.name, { ...locks, signal, onEvent });
      const { schema, state, version, migrations, error } = outcome;
      const at = version === null ? 'empty' : `at ${version}`;
      const how = state === 'applied' ? `${count(migrations.length, 'migration')} applied` : state;
      return {
        exitCode: error === undefined ? 0 : exitCodeOf([error]),
        json: outcome,
        text: () => `${printable(schema)}  ${how}  ${at}\n`,
        errors: (paint) => upErrors([outcome], paint),
      };
    };
  });
}

function list(args: Args, terminal: Terminal) {
  return execute(args, terminal, () => async ({ config, signal }) => {
    const tenants = await listTenants(config, { signal });
    return {
      exitCode: 0,
      json: { tenants },
      text: () =>
        tenants
          .map(({ schema, exists }) => `${printable(schema)}${exists ? '' : '  (no schema yet)'}\n`)
          .join(''),
      summary: tenants.length === 0 ? 'no tenants\n' : '',
    };
  });
}
