-- Find a charge
--
-- Lists calls and what they cost, the latest first. Put one of these between the quotes:
-- a person's email, an account's id, the id of a call (run_id) or of a transaction, or the request
-- id from an error message (of the last seven days). Then press Run.

select at, user_email, through, model, outcome, prompt_tokens, completion_tokens, charged_credits, refunded_credits, run_id
from admin.find_charge('someone@example.com', most => 50);
