-- The rows OneAI starts with: plans, prices, presets and scheduled work. An admin changes them
-- as rows from then on; later migrations add rows, and never rewrite what an admin may have changed.

insert into private.plans (
  id, name, position, requests_per_minute, requests_per_month, max_cost_micros, monthly_credits_micros, grants_monthly
)
values
  ('free', 'Free', 10, 20, 100, 10000000, 500000000, true),
  ('pro', 'Pro', 20, 100, 10000, 100000000, 20000000000, false),
  ('team', 'Team', 30, 500, 100000, 1000000000, 100000000000, false),
  ('enterprise', 'Enterprise', 40, 10000, null, null, 0, false);

insert into private.plan_models (plan_id, priority, pattern, allowed)
values
  ('free', 10, '*opus*', false),
  ('free', 10, 'openai/gpt-4', false),
  ('free', 10, 'openai/gpt-4-0*', false),
  ('free', 10, 'openai/*-pro*', false),
  ('free', 100, '*', true),
  ('pro', 100, '*', true),
  ('team', 100, '*', true),
  ('enterprise', 100, '*', true);

-- Credits per 1,000 tokens in and out; everything else is the upstream price and a fifth.
insert into private.pricing_rules (priority, pattern, input_credits_per_1k, output_credits_per_1k, note)
values
  (100, 'openai/gpt-4-turbo*', 10, 10, 'Reference rate'),
  (100, 'openai/gpt-4', 20, 60, 'Reference rate'),
  (100, 'openai/gpt-4-0*', 20, 60, 'Reference rate'),
  (100, 'openai/gpt-3.5-turbo*', 1, 2, 'Reference rate'),
  (100, 'anthropic/claude*opus*', 15, 75, 'Reference rate'),
  (100, 'anthropic/claude*sonnet*', 3, 15, 'Reference rate'),
  (100, 'anthropic/claude*haiku*', 1, 5, 'Reference rate'),
  (100, 'minimax/*', 0.5, 0.5, 'Reference rate');
insert into private.pricing_rules (priority, pattern, markup_percent, note)
values
  (10, '*:free', 0, 'Free upstream, free here'),
  (1000, '*', 20, 'Default markup');

insert into private.presets (id, name, description)
values
  ('oneai/auto', 'Auto', 'Chooses a good model for each request and says why.'),
  ('oneai/auto-fast', 'Auto, fast', 'The quickest answer that is still good.'),
  ('oneai/auto-best', 'Auto, best', 'The strongest model, whatever it costs within your limits.'),
  ('oneai/auto-code', 'Auto, code', 'Models that are strong at programming.');

insert into private.router_rules (
  preset_id, priority, needs_images, needs_code, needs_math, needs_tools, min_prompt_tokens, models, reason
)
values
  ('oneai/auto', 10, null, null, null, null, 150000, '{google/gemini-2.5-flash,openai/gpt-4.1-mini,google/gemini-2.5-pro}', 'Your prompt is very long: a model with a very large context.'),
  ('oneai/auto', 20, true, null, null, null, null, '{google/gemini-2.5-flash,openai/gpt-4o-mini,anthropic/claude-haiku-4.5}', 'You sent an image: a model that sees.'),
  ('oneai/auto', 30, null, true, null, null, null, '{anthropic/claude-sonnet-4.5,openai/gpt-4.1,qwen/qwen3-coder}', 'You asked about code: a model strong at programming.'),
  ('oneai/auto', 40, null, null, true, null, null, '{openai/o4-mini,deepseek/deepseek-r1,google/gemini-2.5-pro}', 'You asked about mathematics: a model that reasons step by step.'),
  ('oneai/auto', 50, null, null, null, true, null, '{openai/gpt-4.1-mini,anthropic/claude-haiku-4.5,google/gemini-2.5-flash}', 'Tools are in play: a model that is reliable with them.'),
  ('oneai/auto', 100, null, null, null, null, null, '{openai/gpt-4o-mini,google/gemini-2.5-flash,anthropic/claude-haiku-4.5,google/gemini-2.5-flash-lite}', 'An everyday question: a quick and inexpensive model.'),
  ('oneai/auto-fast', 100, null, null, null, null, null, '{google/gemini-2.5-flash-lite,openai/gpt-4.1-nano,openai/gpt-4o-mini}', 'You asked for speed: the quickest good model.'),
  ('oneai/auto-best', 100, null, null, null, null, null, '{anthropic/claude-opus-4.5,anthropic/claude-sonnet-4.5,openai/gpt-4.1,google/gemini-2.5-pro}', 'You asked for the best: the strongest model your plan includes.'),
  ('oneai/auto-code', 100, null, null, null, null, null, '{anthropic/claude-sonnet-4.5,openai/gpt-4.1,qwen/qwen3-coder}', 'You asked for code: a model strong at programming.');

insert into private.upstream_guard (max_requests_per_minute, max_held_micros, max_spend_per_hour_micros)
values (20000, 10000000000000, 2000000000000);

insert into private.packages (id, name, position)
values ('starter', 'Starter', 10), ('pro', 'Pro', 20), ('enterprise', 'Enterprise', 30);

-- Prices contain their tax; an admin changes one with admin.set_price. A year costs ten months.
insert into private.prices (plan_id, package_id, period, currency, amount_minor, credits_micros, tax_name, tax_percent)
select
  sold.plan_id, sold.package_id, sold.period::private.price_period, sold.currency, sold.amount_minor,
  sold.credits * 1000000::bigint, taxes.tax_name, taxes.tax_percent
from (
  values
    (null, 'starter', 'once', 10000, 'INR', 54900),
    (null, 'starter', 'once', 10000, 'USD', 650),
    (null, 'starter', 'once', 10000, 'GBP', 500),
    (null, 'starter', 'once', 10000, 'EUR', 600),
    (null, 'starter', 'once', 10000, 'KES', 85000),
    (null, 'pro', 'once', 50000, 'INR', 219900),
    (null, 'pro', 'once', 50000, 'USD', 2600),
    (null, 'pro', 'once', 50000, 'GBP', 2000),
    (null, 'pro', 'once', 50000, 'EUR', 2400),
    (null, 'pro', 'once', 50000, 'KES', 340000),
    (null, 'enterprise', 'once', 500000, 'INR', 1649900),
    (null, 'enterprise', 'once', 500000, 'USD', 19500),
    (null, 'enterprise', 'once', 500000, 'GBP', 15000),
    (null, 'enterprise', 'once', 500000, 'EUR', 18000),
    (null, 'enterprise', 'once', 500000, 'KES', 2550000),
    ('pro', null, 'month', 20000, 'INR', 129900),
    ('pro', null, 'month', 20000, 'USD', 1500),
    ('pro', null, 'month', 20000, 'GBP', 1200),
    ('pro', null, 'month', 20000, 'EUR', 1400),
    ('pro', null, 'month', 20000, 'KES', 199000),
    ('pro', null, 'year', 240000, 'INR', 1299000),
    ('pro', null, 'year', 240000, 'USD', 15000),
    ('pro', null, 'year', 240000, 'GBP', 12000),
    ('pro', null, 'year', 240000, 'EUR', 14000),
    ('pro', null, 'year', 240000, 'KES', 1990000),
    ('team', null, 'month', 100000, 'INR', 499900),
    ('team', null, 'month', 100000, 'USD', 6000),
    ('team', null, 'month', 100000, 'GBP', 4800),
    ('team', null, 'month', 100000, 'EUR', 5600),
    ('team', null, 'month', 100000, 'KES', 790000),
    ('team', null, 'year', 1200000, 'INR', 4999000),
    ('team', null, 'year', 1200000, 'USD', 60000),
    ('team', null, 'year', 1200000, 'GBP', 48000),
    ('team', null, 'year', 1200000, 'EUR', 56000),
    ('team', null, 'year', 1200000, 'KES', 7900000)
) as sold (plan_id, package_id, period, credits, currency, amount_minor)
join (
  values ('INR', 'GST', 18), ('USD', '', 0), ('GBP', 'VAT', 20), ('EUR', 'VAT', 21), ('KES', 'VAT', 16)
) as taxes (currency, tax_name, tax_percent) on taxes.currency = sold.currency
order by sold.package_id, sold.plan_id, sold.period, sold.currency;

insert into private.billing_settings default values;

insert into private.schedules (name, schedule, command, purpose)
values
  ('sweep-runs', '5 seconds', 'select private.sweep_runs()', 'Ends runs whose worker is gone and frees what they held.'),
  ('reconcile-runs', '5 seconds', $$select private.call_job('reconcile-runs') where exists (select from private.runs where status = 'reconciling' and lease_until < now())$$, 'Asks OpenRouter for the cost of calls that ended without one.'),
  ('measure-guard', '5 seconds', 'select private.measure_guard()', 'Compares all accounts together with the limits of our account upstream.'),
  ('expire-lots', '* * * * *', 'select private.expire_due_lots()', 'Takes back credits that lapsed.'),
  ('monthly-credits', '* * * * *', 'select private.grant_monthly_credits()', 'Gives the credits of a new month.'),
  ('first-models', '10 seconds', $$select private.call_job('sync-models') where not exists (select from private.models)$$, 'Fills the catalogue of a new installation at once.'),
  ('sync-models', '*/30 * * * *', $$select private.call_job('sync-models')$$, 'Brings the catalogue and its prices up to date.'),
  ('roll-up-books', '7 * * * *', 'select private.roll_up_books()', 'Sums up our own side of the ledger.'),
  ('roll-up-usage', '* * * * *', 'select private.roll_up_usage()', 'Adds receipts to the daily sums.'),
  ('forget-repeatable-runs', '23 * * * *', 'select private.forget_repeatable_runs()', 'Clears idempotency keys away after a day.'),
  ('usage-partitions', '11 3 * * *', 'select private.ensure_usage_partitions()', 'Makes room for the receipts of the next months.'),
  ('audit-ledger', '41 2 * * *', 'select admin.audit_ledger()', 'Checks every book of every account and remembers the answer.'),
  ('purge-stored-answers', '*/5 * * * *', 'select private.purge_stored_answers()', 'Forgets the answers kept for an Idempotency-Key whose day is over.'),
  ('close-lost-answers', '5 seconds', 'select private.close_lost_answers()', 'Closes answers whose worker is gone, as far as they came.'),
  ('forget-chunks', '* * * * *', 'select private.forget_chunks()', 'Removes the pieces of answers that nobody resumes any more.'),
  ('purge-conversations', '37 * * * *', 'select private.purge_conversations()', 'Removes conversations deleted more than 30 days ago.'),
  ('purge-shares', '43 3 * * *', 'select private.purge_shares()', 'Removes snapshots that nobody could read for 30 days.'),
  ('retry-webhooks', '5 seconds', 'select private.retry_webhooks()', 'Applies webhooks that could not be applied when they came.'),
  ('number-invoices', '5 seconds', 'select private.number_invoices()', 'Numbers the invoices of new payments, one after the other.'),
  ('end-lapsed-plans', '* * * * *', 'select private.end_lapsed_plans()', 'Ends plans whose paid time and grace are over.'),
  ('check-balances', '* * * * *', 'select private.check_balances()', 'Tells owners whose balance fell below what they set.'),
  ('auto-top-ups', '10 seconds', $$select private.call_job('auto-top-ups') where exists (select from private.due_auto_top_ups)$$, 'Buys credits for accounts that asked for that.'),
  ('mail-notices', '10 seconds', $$select private.call_job('mail-notices') where exists (select from private.notices where mail_after <= now())$$, 'Mails what accounts are told about their money.'),
  ('sync-prices', '30 seconds', $$select private.call_job('sync-prices') where exists (select from private.prices_to_sync())$$, 'Makes new prices of plans known to Razorpay.'),
  ('sweep-payments', '*/5 * * * *', $$select private.call_job('sweep-payments') where exists (select from private.orders) or exists (select from private.subscriptions)$$, 'Asks Razorpay what webhooks may have failed to tell.'),
  ('archive-usage', '31 3 * * *', 'select private.archive_usage()', 'Takes receipts older than thirteen months out of the running table.');

insert into private.usage_rollups (through, oldest_run_id) values ('-infinity', '00000000-0000-0000-0000-000000000000');
select private.ensure_usage_partitions();
