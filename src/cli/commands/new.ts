import { createMigration } from '../../operations/create-migration.ts';
import { defineCommand } from '../command.ts';
import { execute } from '../execute.ts';
import { usage } from '../options.ts';

/** `sqlmig new`. */
export const newCommand = defineCommand<{ name: readonly string[] }>()({
  name: 'new',
  describe: 'Create an empty migration with the next version',
  pattern: '<name..>',
  positionals: {
    name: { type: 'string', array: true, demandOption: true, describe: 'What the migration does' },
  },
  options: {
    public: { type: 'boolean', default: false, describe: 'For the public schema' },
    tenant: { type: 'boolean', default: false, describe: 'For every tenant' },
  },
  examples: [['new add tax to invoices --tenant', 'sql/tenant/<version>_add_tax_to_invoices.sql']],
  run: (args, terminal) =>
    execute(
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
    ),
});
