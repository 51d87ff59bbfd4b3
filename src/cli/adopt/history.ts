import { type AdoptHistoryOptions, adoptHistory } from '../../operations/adopt-history.ts';
import { everySchema } from '../../project/selection.ts';
import { importsText, refusedText, unlistedText } from '../../report/adopt-history.ts';
import { noTenantsText } from '../../report/no-tenants.ts';
import { statesText } from '../../report/repair.ts';
import type { Work } from '../command.ts';
import { confirms, exitCodeOfSchemas } from '../execute.ts';
import { changeArgs, changeOptions, selectionOf, selectorOptions, yesOption } from '../options.ts';
import { acceptMissingOption, filesOption, fromToolOption } from './flags.ts';
import { defineMode } from './mode.ts';

/** `sqlmig adopt --history`. */
export const historyMode = defineMode({
  flag: 'history',
  options: {
    history: {
      type: 'boolean',
      default: false,
      describe: 'Import the histories: record the files that the other tool has applied',
    },
    ...selectorOptions,
    ...changeOptions,
    ...fromToolOption,
    ...filesOption,
    ...acceptMissingOption,
    ...yesOption,
  },
  examples: [['adopt --history --all', 'import the histories of public and all tenants, after confirmation']],
  prepare: (args, terminal) => {
    const options = {
      ...changeArgs(args),
      select: selectionOf(args) ?? everySchema,
      acceptMissing: args.acceptMissing,
      ...(args.files !== undefined && { files: args.files }),
      ...(args.fromTool !== undefined && { fromTool: args.fromTool }),
    };
    const isAgreed = async (question: string) => args.yes || (await confirms(terminal, question));
    return importing({
      ...options,
      accept: (imports) => isAgreed(`${importsText(imports)}Import these histories?`),
    });
  },
});

function importing(options: AdoptHistoryOptions): Work {
  return async ({ config, signal, onEvent }) => {
    const result = await adoptHistory(config, { ...options, signal, onEvent });
    const { imports, refused, sessions, unlisted, unchanged, noTenants, accepted, schemas } = result;
    const failures = schemas.filter(({ state }) => state === 'failed');
    const isWithout = noTenants && imports.length === 0 && unchanged.length === 0;
    const isOpen =
      refused.length > 0 || sessions.length > 0 || isWithout || (imports.length > 0 && !accepted);
    const exitCode = isOpen ? 1 : exitCodeOfSchemas(failures.map(({ error }) => error));
    return {
      exitCode: failures.length > 0 || isOpen ? exitCode : 0,
      json: { ok: !isOpen && failures.length === 0, ...result },
      text: () =>
        importsText(imports) +
        refusedText(refused, sessions) +
        unlistedText(unlisted, config.scopes.length > 0) +
        (isWithout && unlisted.length === 0 ? noTenantsText(config) : '') +
        statesText(schemas) +
        (isOpen ? 'nothing was changed\n' : imports.length === 0 ? 'there is nothing to import\n' : ''),
      failures,
    };
  };
}
