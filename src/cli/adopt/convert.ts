import { type AdoptFilesOptions, adoptFiles, type FilesToAdopt } from '../../operations/adopt-files.ts';
import { text } from '../../project/option.ts';
import { adoptedFilesText, conversionText } from '../../report/adopt-files.ts';
import type { Work } from '../command.ts';
import { confirms } from '../execute.ts';
import { checkFlag, nameList, usage, yesOption } from '../options.ts';
import { fromToolOption, keepOption } from './flags.ts';
import { defineMode } from './mode.ts';

/** `sqlmig adopt --convert DIR`. */
export const convertMode = defineMode({
  flag: 'convert',
  needsDatabase: false,
  options: {
    convert: {
      type: 'string',
      takes: 'DIR',
      describe: "Convert the other tool's files in this folder to plain SQL files",
    },
    into: {
      choices: ['tenant', 'public'] as const,
      describe: 'Folder for the converted files [tenant]',
    },
    ...keepOption,
    ...fromToolOption,
    'from-schema': {
      type: 'string',
      takes: 'NAME',
      describe: 'Schema that the files were written for, to remove from names [public]',
    },
    'dry-run': { type: 'boolean', default: false, describe: 'Show the files without writing them' },
    ...yesOption,
  },
  examples: [
    ['adopt --convert prisma/migrations', "write Prisma's migrations as tenant files, after confirmation"],
    [
      'adopt --convert db/migrations --keep plans,countries',
      'convert the files, and leave two tables in public',
    ],
  ],
  prepare: (args, terminal) => {
    checkFlag('--convert', args.convert, text);
    checkFlag('--from-schema', args.fromSchema, text);
    const keep = args.keep === undefined ? null : nameList(args.keep);
    if (keep?.length === 0) throw usage('--keep is empty', 'list the tables: --keep plans,countries');
    if (keep !== null && args.into === 'public')
      throw usage('--keep and --into public cannot be combined', 'give only one of them');
    const isAgreed = async (files: FilesToAdopt) =>
      !args.dryRun && (args.yes || (await confirms(terminal, `${conversionText(files)}Write these files?`)));
    return converting(
      {
        from: args.convert ?? '',
        ...(args.into !== undefined && { into: args.into }),
        ...(keep !== null && { keep }),
        ...(args.fromTool !== undefined && { fromTool: args.fromTool }),
        ...(args.fromSchema !== undefined && { fromSchema: args.fromSchema }),
        accept: isAgreed,
      },
      args.dryRun,
    );
  },
});

function converting(options: AdoptFilesOptions, dryRun: boolean): Work {
  return async ({ config }) => {
    const result = await adoptFiles(config, options);
    const ok = result.accepted || dryRun;
    return {
      exitCode: ok ? 0 : 1,
      json: { ok, ...result },
      text: () => adoptedFilesText(result, config.scopes.length > 0),
    };
  };
}
