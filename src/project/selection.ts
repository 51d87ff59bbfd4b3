import type { Kind } from './option.ts';

/** Which schemas a command is for. Public is always read: tenants depend on it. */
export type Selection =
  | {
      readonly kind: 'all';
      readonly except: readonly string[];
      /** Ignore exceptions that the tenant source does not list; otherwise they are an error. */
      readonly ifListed?: boolean;
    }
  | { readonly kind: 'public' }
  | {
      readonly kind: 'tenants';
      readonly names: readonly string[];
      /** Leave out names that the tenant source does not list; otherwise they are an error. */
      readonly ifListed?: boolean;
    };

/** The selection of a command that is given none. */
export const everySchema: Selection = { kind: 'all', except: [] };

/** An option that takes a `Selection`. */
export const selection: Kind = {
  takes: "{ kind: 'all', except: [] }, { kind: 'public' } or { kind: 'tenants', names: ['acme'] }",
  fits: (value) => {
    if (typeof value !== 'object' || value === null) return false;
    const { kind, except, names, ifListed = false } = value as Readonly<Record<string, unknown>>;
    if (typeof ifListed !== 'boolean') return false;
    if (kind === 'all') return isTextList(except);
    return kind === 'public' || (kind === 'tenants' && isTextList(names) && names.length > 0);
  },
};

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
