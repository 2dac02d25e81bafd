-- Take credits back
--
-- Corrects a mistake, such as a grant to the wrong person. It never takes what the account has not
-- got or what a running call holds. To give back a charge, use "Refund a charge" instead.
-- Change what stands in quotes and the number (with its minus), then press Run.
--
--   reference  the ticket's number: running this again with the same one takes nothing more

select *
from admin.adjust_credits(
  account => 'someone@example.com',
  credits => -25,
  reason => 'Granted to the wrong account',
  author => 'Your Name',
  reference => 'ticket-1002'
);
