-- Suspend an account
--
-- Stops an account from making calls, at once. Its people can still sign in and read; calls that run
-- already come to their end. Change what stands in quotes, then press Run.
-- "Unsuspend an account" undoes it.

select account, owner_email, plan, credits, suspended_since
from admin.suspend_account(
  account => 'someone@example.com',
  reason => 'A stolen card',
  author => 'Your Name'
);
