-- Grant credits
--
-- Gives an account credits, for example to make good for a bad day.
-- Change what stands in quotes and the number, then press Run. The answer shows the new balance.
--
--   account    the person's email, or an account's id (for a team)
--   credits    how many; 1,000 credits are worth US$1
--   reason     the customer reads it in their statement
--   author     your own name
--   reference  the ticket's number: running this again with the same one grants nothing more
--   expires_at when unused credits lapse; null means never

select *
from admin.grant_credits(
  account => 'someone@example.com',
  credits => 100,
  reason => 'Sorry for the interruption',
  author => 'Your Name',
  reference => 'ticket-1001',
  expires_at => null
);
