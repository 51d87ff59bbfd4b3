import { type Kind, wholeNumber } from '../project/option.ts';

/** How an incomplete migration is settled. */
export type Settlement =
  /** Check what the incomplete statement did, and continue. */
  | { readonly kind: 'resume' }
  /** Continue with this statement, from 1. */
  | { readonly kind: 'from'; readonly statement: number }
  /** Record it as applied without running anything. */
  | { readonly kind: 'mark-applied' };

/** What a settlement is, as an argument. */
export const settlementKind: Kind = {
  takes: "{ kind: 'resume' }, { kind: 'from', statement: 2 }, { kind: 'mark-applied' } or null",
  fits: (value) => {
    if (typeof value !== 'object' || value === null) return false;
    const { kind, statement } = value as Readonly<Record<string, unknown>>;
    return kind === 'resume' || kind === 'mark-applied' || (kind === 'from' && wholeNumber().fits(statement));
  },
};
