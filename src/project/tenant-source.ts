/** Where the names of a database's tenants come from. */
export type TenantSource =
  | { readonly kind: 'history' }
  | {
      readonly kind: 'query';
      readonly query: string;
      /** A statement that adds tenant `$1` to the result of the query; `null` if the config has none. */
      readonly register: string | null;
    }
  | { readonly kind: 'pattern'; readonly pattern: string }
  | { readonly kind: 'list'; readonly list: readonly unknown[] }
  | { readonly kind: 'function'; readonly load: () => unknown };
