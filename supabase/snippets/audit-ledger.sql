-- Audit the ledger
--
-- Checks every account's books: the chain of hashes, every sum and balance, holds, lots, charges and
-- receipts. Nothing is changed but the date of the last audit. On a large ledger it takes minutes.
-- Press Run. No rows below means that all is well; otherwise stop granting and call an engineer.

select * from admin.audit_ledger();

select owners.account, owners.owner_email, problems.transaction_id, problems.problem
from admin.ledger_problems() as problems
left join admin.owners using (account_id)
order by owners.account, problems.transaction_id;
