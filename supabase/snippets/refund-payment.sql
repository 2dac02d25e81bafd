-- Refund a payment
--
-- Sends money back, and takes the credits it bought. It is carried to Razorpay by the next sweep,
-- within five minutes; credits already spent become a debt that the next purchase pays.
-- Find the payment's id first with "Find a payment". Change what stands in quotes, then press Run.
--
--   amount     how much money, such as 2.50; null means all that is left of the payment
--   reference  the ticket's number: running this again with the same one refunds nothing more

select at, owner_email, amount, status, went_back, payment_id
from admin.refund_payment(
  payment_id => 'pay_00000000000000',
  amount => null,
  reason => 'Bought by mistake',
  author => 'Your Name',
  reference => 'ticket-1004'
);
