-- Refund a charge
--
-- Gives back what one call cost. Find the call's run_id first with "Find a charge".
-- Change what stands in quotes, then press Run. The answer shows the refund and the new balance.
--
--   credits    how many to give back; null means all that is left of the charge
--   reason     the customer reads it in their statement
--   reference  the ticket's number: running this again with the same one refunds nothing more

select *
from admin.refund_charge(
  run_id => '00000000-0000-0000-0000-000000000000',
  credits => null,
  reason => 'The answer was cut off',
  author => 'Your Name',
  reference => 'ticket-1003'
);
