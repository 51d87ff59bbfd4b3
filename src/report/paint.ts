import { styleText } from 'node:util';

type Format = Parameters<typeof styleText>[0];

/** Colours a text, or leaves it as it is. */
export type Paint = (format: Format, text: string) => string;

/** A `Paint` that colours where colours are wanted. */
export function createPaint(colours: boolean): Paint {
  // Whether the stream shows colours was decided by the caller; styleText would ask stdout.
  return colours ? (format, text) => styleText(format, text, { validateStream: false }) : (_, text) => text;
}
