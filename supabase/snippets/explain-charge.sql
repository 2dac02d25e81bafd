-- Explain a charge
--
-- Tells in sentences how one call came to cost what it did: who called what, what was held, the
-- tokens, the price and its rule, the charge, and which credits paid for it.
-- Put the call's run_id between the quotes ("Find a charge" shows it), then press Run.

select what
from admin.explain_charge('00000000-0000-0000-0000-000000000000')
order by step;
