import type { Command } from './command.ts';

/** Every command by its name; each is loaded when it is needed. In the order in which help lists them. */
export const commands: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import('./commands/up.ts')).upCommand,
  plan: async () => (await import('./commands/plan.ts')).planCommand,
  status: async () => (await import('./commands/status.ts')).statusCommand,
  verify: async () => (await import('./commands/verify.ts')).verifyCommand,
  init: async () => (await import('./commands/init.ts')).initCommand,
  new: async () => (await import('./commands/new.ts')).newCommand,
  'tenant create': async () => (await import('./commands/tenant.ts')).tenantCreateCommand,
  'tenant list': async () => (await import('./commands/tenant.ts')).tenantListCommand,
  repair: async () => (await import('./commands/repair.ts')).repairCommand,
  locks: async () => (await import('./commands/locks.ts')).locksCommand,
};

/** What commands of two words have in common, by the first one. */
export const groups: Readonly<Record<string, string>> = { tenant: 'Create and list tenants' };
