import { adopt } from '../../operations/adopt.ts';
import { adoptText } from '../../report/adopt.ts';
import { defineCommand } from '../command.ts';

/** `sqlmig adopt`. */
export const adoptCommand = defineCommand()({
  name: 'adopt',
  hidden: true,
  describe: "Show other tools' histories and how they match the files; changes nothing",
  options: {
    files: {
      type: 'string',
      requiresArg: true,
      describe: "Compare with this folder, in the other tool's own layout",
    },
  },
  examples: [
    ['adopt', 'which histories there are, and how many of their versions match files'],
    ['adopt --files prisma/migrations', "compare with the other tool's own files"],
  ],
  prepare: (args) => {
    const files = args.files === undefined ? {} : { files: args.files };
    return async ({ config, signal, onEvent }) => {
      const result = await adopt(config, { ...files, signal, onEvent });
      return { exitCode: result.ok ? 0 : 1, json: result, text: () => adoptText(result) };
    };
  },
});
