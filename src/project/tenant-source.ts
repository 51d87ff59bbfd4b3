/** Where the names of a database's tenants come from. */
export type TenantSource =
  | { readonly kind: 'history' }
  | {
      readonly kind: 'query';
      readonly query: string;
      /** A statement that makes the query list the tenant `$1`; `null` where the config gives none. */
      readonly register: string | null;
    }
  | { readonly kind: 'pattern'; readonly pattern: string }
  | { readonly kind: 'list'; readonly list: readonly unknown[] }
  | { readonly kind: 'function'; readonly load: () => unknown };
