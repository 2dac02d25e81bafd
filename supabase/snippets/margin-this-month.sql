-- Margin this month
--
-- What each model brought in and cost us since the first of the month, the largest loss first.
-- A credit counts as US$0.001, the list price; credits that were given away count as well.
-- For another month, change the two dates. Then press Run.

select
  model,
  sum(requests) as requests,
  sum(charged_credits) as charged_credits,
  sum(charged_usd) as charged_usd,
  sum(upstream_usd) as upstream_usd,
  sum(margin_usd) as margin_usd
from admin.margins
where day >= date_trunc('month', now(), 'UTC')::date
  and day < (date_trunc('month', now(), 'UTC') + interval '1 month')::date
group by model
order by margin_usd, model;
