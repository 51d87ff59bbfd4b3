/** The flag that names the other tool. */
export const fromToolOption = {
  'from-tool': {
    type: 'string',
    takes: 'NAME',
    describe: 'Name of the other tool, if there are histories of two tools or its files do not identify it',
  },
} as const;

/** The flag that names the folder of the other tool's files. */
export const filesOption = {
  files: {
    type: 'string',
    takes: 'DIR',
    describe: "Compare with this folder, in the other tool's own layout",
  },
} as const;

/** The flag that names tables which stay in public. */
export const keepOption = {
  keep: {
    type: 'string',
    takes: 'NAMES',
    array: true,
    describe: 'Tables to leave in public, with the objects that they need: plans,countries',
  },
} as const;

/** The flag that accepts rows without a file. */
export const acceptMissingOption = {
  'accept-missing': {
    type: 'boolean',
    default: false,
    describe: 'Omit history rows whose files no longer exist',
  },
} as const;
