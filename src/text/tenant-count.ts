/** A number of tenants in words, such as `1 tenant`. */
export function tenantCount(tenants: number): string {
  return `${tenants} ${tenants === 1 ? 'tenant' : 'tenants'}`;
}
