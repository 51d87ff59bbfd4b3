/** True if a list of options, as in `VACUUM (FULL)`, has one and does not turn it off. */
export function hasOption(options: unknown, name: string): boolean {
  const list = (Array.isArray(options) ? options : []) as readonly {
    readonly DefElem?: { readonly defname?: string; readonly arg?: unknown };
  }[];
  const found = list.findLast(({ DefElem: option }) => option?.defname === name)?.DefElem;
  return found !== undefined && !isOff(found.arg);
}

// The spellings of false that defGetBoolean accepts.
function isOff(arg: unknown): boolean {
  const {
    String: text,
    Integer: number,
    Boolean: yes,
  } = (arg ?? {}) as {
    readonly String?: { readonly sval?: string };
    readonly Integer?: { readonly ival?: number };
    readonly Boolean?: { readonly boolval?: boolean };
  };
  if (text !== undefined) return /^(?:false|off)$/i.test(text.sval ?? '');
  if (number !== undefined) return (number.ival ?? 0) === 0;
  return yes !== undefined && yes.boolval !== true;
}
