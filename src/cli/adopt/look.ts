import { adopt } from '../../operations/adopt.ts';
import { adoptText } from '../../report/adopt.ts';
import { filesOption } from './flags.ts';
import { defineMode } from './mode.ts';

/** `sqlmig adopt`, which changes nothing. */
export const lookMode = defineMode({
  flag: null,
  options: filesOption,
  showsDatabase: true,
  examples: [
    ['adopt', 'show the histories found, and how many of their versions match files'],
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
