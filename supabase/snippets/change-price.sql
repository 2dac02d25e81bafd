-- Change a price
--
-- Adds a rule for the price of some models. It holds from the next call on: calls that are running,
-- and everything charged before, keep the price they had. Change the values, then press Run.
--
--   pattern         which models; * stands for anything
--   priority        the lowest number that fits a model wins; the rates we start with have 100
--   markup_percent  what we add to the upstream price
--   note            why, for whoever reads the rules next
--
-- For a fixed price, write input_credits_per_1k, output_credits_per_1k in place of markup_percent,
-- and two numbers in place of one. To take a rule back: update private.pricing_rules set active =
-- false where id = the rule_id shown below.

select admin.sign_act(author => 'Your Name', reason => 'New upstream contract');

insert into private.pricing_rules (pattern, priority, markup_percent, note)
values ('openai/gpt-3.5-turbo*', 50, 30, 'New upstream contract');

-- The models whose price comes from the newest rule, beside what they cost us.
select model, input_credits_per_1k, output_credits_per_1k, input_margin_percent, output_margin_percent, is_below_cost, rule_id
from admin.prices
where rule_id = (select max(id) from private.pricing_rules)
order by model;
