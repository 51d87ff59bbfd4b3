import type { Argv } from 'yargs';
import { createMigration } from '../operations/create-migration.ts';
import { execute } from './execute.ts';
import { type GlobalOptions, usage } from './options.ts';
import type { Terminal } from './terminal.ts';

/** `sqlmig new`. */
export function newCommand(yargs: Argv<GlobalOptions>, terminal: Terminal, exit: (code: number) => void) {
  return yargs.command(
    'new <name..>',
    'Create an empty migration with the next version',
    (y) =>
      y
        .positional('name', {
          type: 'string',
          array: true,
          demandOption: true,
          describe: 'What the migration does',
        })
        .option('public', { type: 'boolean', default: false, describe: 'For the public schema' })
        .option('tenant', { type: 'boolean', default: false, describe: 'For every tenant' })
        .example('$0 new add tax to invoices --tenant', 'sql/tenant/<version>_add_tax_to_invoices.sql'),
    async (args) => {
      const code = await execute(
        args,
        terminal,
        () => {
          if (args.public === args.tenant) throw usage('new needs to know where: --public or --tenant');
          const scope = args.public ? 'public' : 'tenant';
          return async ({ config }) => {
            const created = await createMigration(config, scope, args.name.join(' '));
            return { exitCode: 0, json: created, text: () => `${created.file}\n` };
          };
        },
        false,
      );
      exit(code);
    },
  );
}
