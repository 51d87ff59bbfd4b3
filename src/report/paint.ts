import { styleText } from 'node:util';

type Format = Parameters<typeof styleText>[0];

/** Colors a text, or returns it unchanged. */
export type Paint = (format: Format, text: string) => string;

/** A `Paint` that adds colors if they are wanted. */
export function createPaint(colors: boolean): Paint {
  // The caller has decided whether the stream shows colors; styleText would check stdout.
  return colors ? (format, text) => styleText(format, text, { validateStream: false }) : (_, text) => text;
}
