import { createMigration } from '../../operations/create-migration.ts';
import { numberingAfter } from '../../project/next-version.ts';
import { defineCommand } from '../command.ts';
import { usage } from '../options.ts';

const serialHint =
  'hint: another branch can use the same serial number; "versions": "time" in the config numbers new files by time, and "serial" keeps serial numbers\n';

/** `sqlmig new`. */
export const newCommand = defineCommand<{ name: readonly string[] }>()({
  name: 'new',
  describe: 'Create an empty migration with the next version',
  pattern: '<name..>',
  positionals: {
    name: { type: 'string', array: true, demandOption: true, describe: 'What the migration does' },
  },
  options: {
    public: { type: 'boolean', default: false, describe: 'Create it in the folder of public migrations' },
    tenant: { type: 'boolean', default: false, describe: 'Create it in the folder of tenant migrations' },
    scope: {
      type: 'string',
      takes: 'NAME',
      describe: 'Create it in the folder of this scope of the config',
    },
  },
  examples: [['new add tax to invoices --tenant', 'creates sql/tenant/<version>_add_tax_to_invoices.sql']],
  needsDatabase: false,
  prepare: (args) => {
    const scopes = [
      ...(args.public ? ['public'] : []),
      ...(args.tenant ? ['tenant'] : []),
      ...(args.scope === undefined ? [] : [args.scope]),
    ];
    const [scope] = scopes;
    if (scope === undefined || scopes.length > 1)
      throw usage(
        'specify one of --public, --tenant and --scope',
        'for example: sqlmig new add tax --tenant',
      );
    const name = args.name.join(' ');
    return async ({ config }) => {
      const created = await createMigration(config, { scope, name });
      const isSerial = config.versions === null && numberingAfter(created.version) === 'serial';
      return {
        exitCode: 0,
        json: created,
        text: () => `${created.file}\n`,
        summary: isSerial ? serialHint : '',
      };
    };
  },
});
