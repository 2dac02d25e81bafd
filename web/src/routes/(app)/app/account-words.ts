import type { Account } from '#lib/api/accounts.ts';

const roles: Record<Account['role'], string> = {
  owner: 'Owner',
  admin: 'Admin',
  member: 'Member',
  billing: 'Billing',
  viewer: 'Viewer',
};

export function roleWord(account: Account): string {
  return roles[account.role];
}

export function accountKind(account: Account): string {
  return account.kind === 'personal' ? 'Personal account' : `Team · ${roleWord(account)}`;
}
