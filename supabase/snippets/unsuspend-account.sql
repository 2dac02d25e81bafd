-- Unsuspend an account
--
-- Lets a suspended account make calls again, at once.
-- Change what stands in quotes, then press Run. suspended_since is empty afterwards.

select account, owner_email, plan, credits, suspended_since
from admin.unsuspend_account(
  account => 'someone@example.com',
  reason => 'The bank has cleared it',
  author => 'Your Name'
);
