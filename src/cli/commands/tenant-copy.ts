import { cloneTenant } from '../../operations/clone-tenant.ts';
import { renameTenant } from '../../operations/rename-tenant.ts';
import { listedNowText, tenantClonedText, tenantRenamedText } from '../../report/tenant.ts';
import { defineCommand } from '../command.ts';
import { exitCodeOfSchemas } from '../execute.ts';
import { named } from '../named.ts';
import { changeArgs, changeOptions } from '../options.ts';

/** `sqlmig tenant rename`. */
export const tenantRenameCommand = defineCommand<{ name: string; to: string }>()({
  name: 'tenant rename',
  describe: 'Rename a tenant schema',
  pattern: '<name> <to>',
  positionals: {
    name: { type: 'string', demandOption: true, describe: 'Name of the schema' },
    to: { type: 'string', demandOption: true, describe: 'Its new name' },
  },
  options: {
    'accept-mentions': {
      type: 'boolean',
      default: false,
      describe: 'Rename it even if functions or strings in the database contain the old name',
    },
    unlisted: {
      type: 'boolean',
      default: false,
      describe: 'Rename it even if the pattern in "tenants" does not match the new name',
    },
    ...changeOptions,
  },
  examples: [['tenant rename acme acme_corp', 'rename the schema "acme"']],
  prepare: (args) => {
    const { name, to, acceptMentions, unlisted } = args;
    const options = { ...changeArgs(args), name, to, acceptMentions, unlisted };
    return async ({ config, signal, onEvent }) => {
      const result = await renameTenant(config, { ...options, signal, onEvent });
      const { error } = result;
      return {
        exitCode: error === undefined ? 0 : exitCodeOfSchemas([error]),
        json: { ok: error === undefined, ...result },
        text: () => tenantRenamedText(named(config, result)),
        summary: listedNowText(named(config, result)),
        failures: error === undefined ? [] : [{ error }],
      };
    };
  },
});

/** `sqlmig tenant clone`. */
export const tenantCloneCommand = defineCommand<{ name: string; to: string }>()({
  name: 'tenant clone',
  describe: 'Create a tenant with the structure and history of another one',
  pattern: '<name> <to>',
  positionals: {
    name: { type: 'string', demandOption: true, describe: 'Name of the schema to clone' },
    to: { type: 'string', demandOption: true, describe: 'Name of the new schema' },
  },
  options: {
    data: {
      type: 'boolean',
      default: false,
      describe: 'Copy the rows as well; until that is done, the other tenant cannot be written',
    },
    unlisted: {
      type: 'boolean',
      default: false,
      describe: 'Clone it even if "tenants" in the config does not list the new name',
    },
    ...changeOptions,
  },
  examples: [
    ['tenant clone acme acme_test', 'create "acme_test" with the applied migrations of "acme"'],
    ['tenant clone acme acme_test --data', 'the same, with all rows'],
  ],
  prepare: (args) => {
    const { name, to, data, unlisted } = args;
    const options = { ...changeArgs(args), name, to, data, unlisted };
    return async ({ config, signal, onEvent }) => {
      const result = await cloneTenant(config, { ...options, signal, onEvent });
      const { error } = result;
      return {
        exitCode: error === undefined ? 0 : exitCodeOfSchemas([error]),
        json: { ok: error === undefined, ...result },
        text: () => tenantClonedText(named(config, result)),
        failures: error === undefined ? [] : [{ error }],
      };
    };
  },
});
