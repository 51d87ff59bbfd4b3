export { type ErrorCode, SqlmigError } from '../errors.ts';
export { asTenant, currentTenant } from './current-tenant.ts';
export { type ForTenant, forTenant, forTenantsOf } from './for-tenant.ts';
export { tenantOfHost, tenantOfPath } from './request.ts';
export type { TenancySettings } from './tenant-path.ts';
export type { TransactionOf } from './transaction-of.ts';
