-- billing calls: the notes that our functions and npm run billing:sync make while they ask Razorpay for
-- something: that they are about to, what came of it, and what things are called there.
--
-- A name that Razorpay gave is noted once and never replaced.

create function private.begin_call(act text, fact text, account_id uuid, user_id uuid)
returns bigint
language plpgsql
volatile
-- As its owner, because the function that asks may write nothing of ours.
security definer
set search_path = ''
as $$
declare
  begun_id bigint;
begin
  if act is null or act !~ '^[a-z][a-z_]{1,40}$' or coalesce(octet_length(fact), 0) not between 1 and 200 then
    perform private.fail(422, 'invalid_input', 'A call has an act and a fact.', null);
  end if;
  if begin_call.account_id is not null and not exists (select from private.accounts where accounts.id = begin_call.account_id) then
    perform private.fail(404, 'not_found', 'There is no such account.', null);
  end if;
  insert into private.razorpay_calls (act, fact, account_id, user_id, request_id, started_at)
  values (begin_call.act, begin_call.fact, begin_call.account_id, begin_call.user_id, private.request_id(), private.clock())
  returning razorpay_calls.id into begun_id;
  return begun_id;
end
$$;

comment on function private.begin_call is 'Writes down that Razorpay is about to be asked for something.';

create function private.end_call(call_id bigint, state text, attempts integer, answer jsonb)
returns void
language plpgsql
volatile
-- As its owner, for the same reason.
security definer
set search_path = ''
as $$
begin
  if end_call.state is null or end_call.state not in ('done', 'refused', 'unknown') or coalesce(end_call.attempts, -1) < 0 then
    perform private.fail(422, 'invalid_input', 'A call ends done, refused or unknown, after some attempts.', null);
  end if;
  update private.razorpay_calls set
    state = end_call.state, attempts = end_call.attempts, answer = end_call.answer, ended_at = private.clock()
  where razorpay_calls.id = end_call.call_id and razorpay_calls.state = 'started';
end
$$;

comment on function private.end_call is 'Writes down what Razorpay answered.';

create function private.note_customer(account_id uuid, razorpay_customer_id text)
returns void
language plpgsql
volatile
-- As its owner, for the same reason.
security definer
set search_path = ''
as $$
begin
  perform private.require_razorpay_id(note_customer.razorpay_customer_id);
  if not exists (select from private.accounts where accounts.id = note_customer.account_id) then
    perform private.fail(404, 'not_found', 'There is no such account.', null);
  end if;
  -- Razorpay knows people by their address, and one person may have several accounts.
  if exists (
    select from private.customers
    where customers.razorpay_customer_id = note_customer.razorpay_customer_id
      and private.describe_customer(customers.account_id) -> 'owner_email'
        is distinct from private.describe_customer(note_customer.account_id) -> 'owner_email'
  ) then
    perform private.fail(409, 'conflict', 'Razorpay calls somebody else''s customer that.', null);
  end if;
  perform private.require_customer(note_customer.account_id);
  update private.customers set razorpay_customer_id = coalesce(customers.razorpay_customer_id, note_customer.razorpay_customer_id)
  where customers.account_id = note_customer.account_id;
end
$$;

comment on function private.note_customer is 'Notes what Razorpay calls a customer; two accounts share one only if they have the same owner.';

create function private.prices_to_sync()
returns table (price_id bigint, request jsonb)
language sql
stable
-- As its owner, because names of plans that are not public are in it.
security definer
set search_path = ''
as $$
  select prices.id, jsonb_build_object(
    'period', case prices.period when 'year' then 'yearly' else 'monthly' end,
    'interval', 1,
    'item', jsonb_build_object(
      'name', format('%s, by the %s', plans.name, prices.period), 'amount', prices.amount_minor, 'currency', prices.currency
    ),
    'notes', jsonb_build_object('oneai_price', prices.id::text)
  )
  from private.prices
  join private.plans on plans.id = prices.plan_id
  where prices.razorpay_plan_id is null and prices.retired_at is null
  order by prices.id
$$;

comment on function private.prices_to_sync is 'The prices of plans that Razorpay does not know yet, with the request that makes each.';

create function private.note_price(price_id bigint, razorpay_plan_id text)
returns void
language plpgsql
volatile
-- As its owner, because the command that asks may not write prices.
security definer
set search_path = ''
as $$
begin
  perform private.require_razorpay_id(note_price.razorpay_plan_id);
  update private.prices set razorpay_plan_id = note_price.razorpay_plan_id
  where prices.id = note_price.price_id and prices.razorpay_plan_id is null;
exception
  when unique_violation then
    perform private.fail(409, 'conflict', 'Razorpay calls another price that.', null);
end
$$;

comment on function private.note_price is 'Notes what Razorpay calls a price.';

-- grants ----------------------------------------------------------------------------------------

grant execute on function
  private.begin_call, private.end_call, private.note_customer, private.prices_to_sync, private.note_price
to service_role;
