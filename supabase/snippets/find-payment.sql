-- Find a payment
--
-- By whatever is at hand: the id of a payment, an order, a refund or a subscription, an invoice's
-- number, or somebody's email address for their latest payments. A problem says why a payment of
-- ours gave nothing. Change what stands in quotes, then press Run.

select at, owner_email, amount, status, bought, granted_credits, went_back, problem, invoice, payment_id
from admin.find_payment('someone@example.com');
