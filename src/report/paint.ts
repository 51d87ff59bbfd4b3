import { styleText } from 'node:util';

type Format = Parameters<typeof styleText>[0];

/**
 * Whether a stream gets colors, by the rules of Node: `FORCE_COLOR` overrides everything, then come the variables that
 * disable colors and `CLICOLOR_FORCE`, then whether the stream is a terminal.
 */
export function colorsWanted(env: Readonly<Record<string, string | undefined>>, isTty: boolean): boolean {
  const { FORCE_COLOR: forced, CLICOLOR_FORCE: forcedToo = '0' } = env;
  if (forced !== undefined) return ['', '1', 'true', '2', '3'].includes(forced);
  if (env.NO_COLOR || env.NODE_DISABLE_COLORS || env.TERM === 'dumb') return false;
  return (forcedToo !== '' && forcedToo !== '0') || isTty;
}

/** Colors a text, or returns it unchanged. */
export type Paint = (format: Format, text: string) => string;

/** A `Paint` that adds colors if they are wanted. */
export function createPaint(colors: boolean): Paint {
  // The caller has decided whether the stream shows colors; styleText would check stdout.
  return colors ? (format, text) => styleText(format, text, { validateStream: false }) : (_, text) => text;
}
