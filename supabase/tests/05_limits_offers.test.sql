-- limits, what follows from what: which plan may call which model at which price, what an account may
-- do, and how sliding windows count. Each is held against its definition, written down here anew.

begin;
select no_plan();

select tests.travel_to('2027-03-10 12:00:00+00');

-- offers --------------------------------------------------------------------------------------

create function pg_temp.fits(pattern text, model_id text)
returns boolean
language sql
as $$
  select model_id ~ ('^' || replace(replace(pattern, '.', '\.'), '*', '.*') || '$')
$$;

create view pg_temp.wanted_offers as
select
  plans.id as plan_id, models.id as model_id, models.price_version_id, models.context_tokens, models.max_output_tokens,
  quota.id as model_quota_id, 'embeddings' = any (models.output_modalities) as is_embedding, models.upstream_name,
  case when guard.is_paused then 'infinity' else guard.closed_until end as closed_until,
  price.minimum_micros, price.request_micros,
  greatest(price.prompt_micros, price.cache_read_micros, price.cache_write_micros, price.audio_micros) as prompt_bound_micros,
  greatest(price.completion_micros, price.reasoning_micros) as output_bound_micros,
  price.image_micros, price.search_micros, price.upstream_prompt_usd, price.upstream_completion_usd
from private.plans
join private.models on models.enabled and models.retired_at is null
join private.price_versions as price on price.id = models.price_version_id
cross join lateral (
  select (array_agg(allowed order by priority, id))[1] as allowed
  from private.plan_models where plan_id = plans.id and pg_temp.fits(pattern, models.id)
) as rule
cross join lateral (
  select (array_agg(id order by char_length(pattern) desc, id))[1] as id
  from private.model_quotas where plan_id = plans.id and pg_temp.fits(pattern, models.id)
) as quota
left join private.upstream_guard as guard on true
where rule.allowed;

create function pg_temp.wrong_offers()
returns bigint
language sql
as $$
  select count(*) from (
    (select * from private.offers except select * from pg_temp.wanted_offers)
    union all
    (select * from pg_temp.wanted_offers except select * from private.offers)
  ) as wrong
$$;

insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd)
select 'acme/' || name, name, 32000, 4000, 0.000001, 0.000002 from unnest('{small,large,large-2,other.x}'::text[]) as name;
insert into private.plans (id, name) values ('one', 'One'), ('two', 'Two');

create function pg_temp.follows(change text, offered text, description text)
returns text
language plpgsql
as $$
begin
  execute change;
  return is(
    format('%s wrong; %s', pg_temp.wrong_offers(), (
      select coalesce(string_agg(concat_ws(' ', plan_id, substr(model_id, 6)), ', ' order by plan_id, model_id), 'none')
      from private.offers where plan_id in ('one', 'two')
    )),
    '0 wrong; ' || offered, description
  );
end
$$;
select pg_temp.follows('select', 'none', 'a plan without rules may call nothing');
select pg_temp.follows(
  $$insert into private.plan_models (plan_id, priority, pattern, allowed) values ('one', 10, 'acme/*', true)$$, 'none', 'nor what has no price'
);
select pg_temp.follows(
  $$insert into private.pricing_rules (pattern, priority, markup_percent) values ('acme/*', 1, 10)$$,
  'one large, one large-2, one other.x, one small', 'a price makes models that fit callable'
);
select pg_temp.follows(
  $$insert into private.plan_models (plan_id, priority, pattern, allowed) values ('one', 5, 'acme/large*', false), ('two', 5, 'acme/other.x', true)$$,
  'one other.x, one small, two other.x', 'the first rule that fits decides, for each plan'
);
select pg_temp.follows(
  $$update private.plan_models set allowed = not allowed where pattern = 'acme/large*'$$,
  'one large, one large-2, one other.x, one small, two other.x', 'a rule may change its mind'
);
select pg_temp.follows(
  $$update private.models set enabled = false where id = 'acme/small'$$, 'one large, one large-2, one other.x, two other.x', 'a model is switched off'
);
select pg_temp.follows(
  $$update private.models set enabled = true where id = 'acme/small'$$, 'one large, one large-2, one other.x, one small, two other.x', 'and on'
);
select pg_temp.follows(
  $$update private.models set retired_at = now() where id = 'acme/other.x'$$, 'one large, one large-2, one small', 'retired'
);
select pg_temp.follows(
  $$update private.models set retired_at = null where id = 'acme/other.x'$$, 'one large, one large-2, one other.x, one small, two other.x', 'and back'
);
select pg_temp.follows(
  $$update private.models set prompt_usd = null, completion_usd = null where id = 'acme/large-2'; select private.reprice()$$,
  'one large, one other.x, one small, two other.x', 'one that loses its price is not offered'
);
create temporary table before_price as select price_version_id as id from private.offers where plan_id = 'one' and model_id = 'acme/small';
select pg_temp.follows(
  $$update private.pricing_rules set markup_percent = 50 where pattern = 'acme/*'$$, 'one large, one other.x, one small, two other.x', 'prices change'
);
select isnt(
  (select price_version_id from private.offers where plan_id = 'one' and model_id = 'acme/small'), (select id from before_price),
  'and are offered as they are now'
);
select pg_temp.follows(
  $$insert into private.model_quotas (plan_id, pattern, tokens_per_month) values ('one', 'acme/*', 10), ('one', 'acme/sm*', 10), ('two', '*', 10)$$,
  'one large, one other.x, one small, two other.x', 'quotas count what they fit'
);
select is(
  (
    select string_agg(substr(model_id, 6) || ' in ' || pattern, ', ' order by model_id)
    from private.offers join private.model_quotas on model_quotas.id = model_quota_id where offers.plan_id = 'one'
  ),
  'large in acme/*, other.x in acme/*, small in acme/sm*', 'the longest pattern'
);
select pg_temp.follows($$delete from private.model_quotas where pattern = 'acme/sm*'$$, 'one large, one other.x, one small, two other.x', 'one less');
select pg_temp.follows(
  $$update private.models set max_output_tokens = 7, context_tokens = 70 where id = 'acme/small'$$, 'one large, one other.x, one small, two other.x',
  'what a model can is offered as it is'
);
select pg_temp.follows(
  $$update private.upstream_guard set closed_until = private.clock() + interval '1 minute'$$, 'one large, one other.x, one small, two other.x',
  'a closed door is closed for every offer'
);
select pg_temp.follows('update private.upstream_guard set is_paused = true', 'one large, one other.x, one small, two other.x', 'a pause');
select pg_temp.follows(
  'update private.upstream_guard set is_paused = false, closed_until = null', 'one large, one other.x, one small, two other.x', 'and its end'
);
select pg_temp.follows(
  $$update private.models set output_modalities = '{embeddings}' where id = 'acme/small'$$, 'one large, one other.x, one small, two other.x',
  'what makes vectors is offered as such'
);
select pg_temp.follows($$delete from private.plan_models where plan_id = 'two'$$, 'one large, one other.x, one small', 'rules go');
select pg_temp.follows($$delete from private.plans where id = 'two'$$, 'one large, one other.x, one small', 'as does a whole plan');
select pg_temp.follows(
  $$update private.plan_models set plan_id = 'pro' where plan_id = 'one' and priority = 10$$, 'one large', 'a rule moves to another plan'
);

-- Whatever changes in whatever order, what is offered is what is written in the tables.
create function pg_temp.drifts(seed double precision)
returns setof text
language plpgsql
as $$
declare
  change text;
begin
  perform setseed(seed);
  for nth in 1..25 loop
    change := (array[
      format($c$insert into private.plan_models (plan_id, priority, pattern, allowed) values ('one', %s, 'acme/%s', %s)$c$,
        (random() * 20)::integer, (array['*', 's*', 'large*', 'other.x', '*.x'])[1 + floor(random() * 5)], (random() < 0.6)::text),
      $c$delete from private.plan_models where id = (select min(id) from private.plan_models where plan_id = 'one')$c$,
      $c$update private.plan_models set allowed = not allowed where plan_id = 'one'$c$,
      format($c$update private.models set enabled = not enabled where id = 'acme/%s'$c$, (array['small', 'large', 'other.x'])[1 + floor(random() * 3)]),
      format($c$update private.pricing_rules set markup_percent = %s where pattern = 'acme/*'$c$, (random() * 100)::integer),
      format($c$update private.models set retired_at = case when retired_at is null then now() end where id = 'acme/%s'$c$, (array['small', 'large'])[1 + floor(random() * 2)]),
      format($c$insert into private.model_quotas (plan_id, pattern, tokens_per_month) values ('one', 'acme/%s', 5) on conflict do nothing$c$,
        (array['*', 's*', 'la*'])[1 + floor(random() * 3)]),
      $c$delete from private.model_quotas where id = (select max(id) from private.model_quotas where plan_id = 'one')$c$,
      'update private.upstream_guard set is_paused = not is_paused'
    ])[1 + floor(random() * 9)];
    execute change;
    if pg_temp.wrong_offers() > 0 then
      return next format('seed %s, step %s: %s', seed, nth, change);
    end if;
  end loop;
end
$$;
select is_empty(format('select pg_temp.drifts(%s)', seed / 10.0), 'offers follow whatever changes, seed ' || seed) from generate_series(1, 8) as seed;
update private.upstream_guard set is_paused = false;
update private.models set enabled = true, retired_at = null where id like 'acme/%';
alter table private.plan_models disable trigger on_plan_models_offers;
insert into private.plan_models (plan_id, priority, pattern, allowed) values ('pro', 0, 'acme/*', false);
select cmp_ok(pg_temp.wrong_offers(), '>', 0::bigint, 'and a change that nobody follows would be seen here');
alter table private.plan_models enable trigger on_plan_models_offers;
delete from private.plan_models where plan_id = 'pro' and priority = 0;

-- allowances ----------------------------------------------------------------------------------

insert into private.accounts (kind, name) values ('team', 'Engine');
select tests.create_user('Ada');
insert into private.plans (id, name, requests_per_minute, requests_per_month) values ('small', 'Small', 3, 50), ('big', 'Big', 5, null);
insert into private.plan_models (plan_id, priority, pattern, allowed) values ('small', 1, '*', true), ('big', 1, '*', true);
insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd) values ('free/one', 'One', 1000, 100, 0, 0);
insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k) values ('free/*', 0, 0, 0);
create temporary table ids as select id as engine from private.accounts where name = 'Engine';
update private.account_plans set plan_id = 'small' from ids where account_id = engine;

create function pg_temp.calls()
returns private.verdict
language sql
as $$
  select private.authorize_run(row(
    engine, tests.id_of('Ada'), null, 'completion', '{free/one}', row(10, 1, 0, 10, 1, 0)::private.request_shape, null, null, null, null
  )::private.run_request)
  from ids
$$;

-- What the next call goes by, and what plan, overrides, suspension and months say, must be one.
create function pg_temp.goes_by(description text, expected text)
returns setof text
language plpgsql
as $$
declare
  verdict constant private.verdict := pg_temp.calls();
begin
  return next is(
    (
      select concat_ws(
        ', ', plan_id, 'minute ' || requests_per_minute, 'hour ' || requests_per_hour, 'month ' || requests_per_month, 'cost ' || max_cost_micros,
        case when is_suspended then 'suspended' end, 'until ' || to_char(month_end at time zone 'UTC', 'MM-DD HH24:MI')
      )
      from private.allowances, ids where account_id = engine
    ),
    expected, description
  );
  return next is(
    (
      select row(
        plan_id, requests_per_minute, requests_per_hour, requests_per_day, requests_per_month, max_cost_micros, month_requests, month_end
      )::text
      from private.allowances, ids where account_id = engine
    ),
    (
      select row(
        plan_id, requests_per_minute, requests_per_hour, requests_per_day, requests_per_month, max_cost_micros, requests_this_month, month_ends_at
      )::text
      from api.limits, ids where account_id = engine
    ),
    description || ', as api.limits says'
  );
  return next is(
    coalesce(verdict.rule, 'allowed') = 'suspended', (select suspended_at is not null from private.accounts, ids where id = engine),
    description || ', and so the call is answered'
  );
end
$$;
select pg_temp.goes_by('a plan is what an account goes by', 'small, minute 3, month 50, until 04-01 00:00');
update private.plans set requests_per_minute = 4, requests_per_hour = 40, max_cost_micros = 900 where id = 'small';
select pg_temp.goes_by('the plan is edited', 'small, minute 4, hour 40, month 50, cost 900, until 04-01 00:00');
update private.account_plans set plan_id = 'big' from ids where account_id = engine;
select pg_temp.goes_by('the plan is another', 'big, minute 5, until 04-01 00:00');
update private.plans set requests_per_minute = 6 where id = 'small';
select pg_temp.goes_by('the one before is edited', 'big, minute 5, until 04-01 00:00');
insert into private.limit_overrides (subject_id, account_id, requests_per_month, max_cost_micros, reason) select engine, engine, 70, 7, 'Tests' from ids;
select pg_temp.goes_by('an override is set', 'big, minute 5, month 70, cost 7, until 04-01 00:00');
update private.limit_overrides set requests_per_month = 71, requests_per_minute = 9;
select pg_temp.goes_by('an override is changed', 'big, minute 9, month 71, cost 7, until 04-01 00:00');
update private.limit_overrides set expires_at = private.clock() + interval '1 hour';
select tests.travel('1 hour -1 microsecond');
select pg_temp.goes_by('until it expires it holds', 'big, minute 9, month 71, cost 7, until 04-01 00:00');
select tests.travel('1 microsecond');
select pg_temp.goes_by('an override expires', 'big, minute 5, until 04-01 00:00');
update private.limit_overrides set expires_at = private.clock() + interval '1 day';
select pg_temp.goes_by('it is prolonged', 'big, minute 9, month 71, cost 7, until 04-01 00:00');
delete from private.limit_overrides;
select pg_temp.goes_by('an override is removed', 'big, minute 5, until 04-01 00:00');
update private.accounts set suspended_at = now() from ids where id = engine;
select pg_temp.goes_by('the account is suspended', 'big, minute 5, suspended, until 04-01 00:00');
update private.accounts set suspended_at = null from ids where id = engine;
select pg_temp.goes_by('and goes on', 'big, minute 5, until 04-01 00:00');
select is(month_requests, (select count(*) from private.runs where account_id = engine), 'through all of this the month counted every call')
from private.allowances, ids where account_id = engine;
select tests.travel_to('2027-03-31 23:59:59.999999+00');
select pg_temp.goes_by('the last moment of a month is in it', 'big, minute 5, until 04-01 00:00');
select tests.travel('1 microsecond');
select pg_temp.goes_by('a new month begins', 'big, minute 5, until 05-01 00:00');
select is(month_requests, 1::bigint, 'with its first call') from private.allowances, ids where account_id = engine;
update private.account_plans set cycle_anchor = '2027-01-31 10:00:00+00' from ids where account_id = engine;
select pg_temp.goes_by('months are counted from another day', 'big, minute 5, until 04-30 10:00');
select is(month_requests, 1::bigint, 'which is another month') from private.allowances, ids where account_id = engine;
update private.account_plans set cycle_anchor = '2026-12-31 10:00:00+00' from ids where account_id = engine;
select pg_temp.goes_by('an anchor with the same months', 'big, minute 5, until 04-30 10:00');
select is(month_requests, 2::bigint, 'counts on') from private.allowances, ids where account_id = engine;
select tests.travel_to('2029-03-05 00:00:00+00');
select pg_temp.goes_by('years later', 'big, minute 5, until 03-31 10:00');

create temporary table last_of_month as select pg_temp.calls() as verdict;
select tests.travel_to('2029-03-31 10:00:00+00');
select pg_temp.calls();
select private.finish_run((verdict).run_id, row('failed', null, null, null, null, null, null, null, null, null, null)::private.run_report) from last_of_month;
select is(month_requests, 1::bigint, 'a call of last month that gave nothing takes nothing off this one') from private.allowances, ids where account_id = engine;

-- windows -------------------------------------------------------------------------------------

-- Asked at random moments, against a list of every call there was: how many stand in the window, whether
-- one more is let in, and when there is room again.
create function pg_temp.wrong_counts(seed double precision)
returns setof text
language plpgsql
as $$
declare
  seconds integer;
  most integer;
  so_far private.rate_window;
  counted private.rate_window;
  at timestamptz := '2027-03-10 00:00:00+00';
  let_in timestamptz[] := '{}';
  slice bigint;
  standing integer;
  room timestamptz;
begin
  perform setseed(seed);
  seconds := (array[5, 300, 7200])[1 + floor(random() * 3)];
  most := 1 + floor(random() * 12);
  for nth in 1..250 loop
    if random() < 0.03 then
      most := 1 + floor(random() * 12);
    end if;
    at := at + case floor(random() * 10)
      when 0 then interval '0'
      when 1 then interval '1 microsecond'
      when 2 then to_timestamp(ceil(extract(epoch from at) / seconds + 0.001) * seconds) - at
      when 3 then to_timestamp(ceil(extract(epoch from at) / seconds + 0.001) * seconds) - at - interval '1 microsecond'
      when 4 then make_interval(secs => seconds * 12)
      when 5 then case when random() < 0.2 then make_interval(secs => seconds * (1 + floor(random() * 40))) else interval '0' end
      else make_interval(secs => seconds * random())
    end;
    slice := floor(extract(epoch from at) / seconds);
    counted := private.count_in_window(so_far, seconds, most, at);
    standing := (select count(*) from unnest(let_in) as call where floor(extract(epoch from call) / seconds) >= slice - 12);

    if (counted.full_until is null) <> (standing < most) then
      return next format('seed %s: call %s was %s beside %s of %s', seed, nth, case when counted.full_until is null then 'let in' else 'refused' end, standing, most);
    end if;
    if counted.full_until is null then
      let_in := let_in || at;
      if counted.used <> standing + 1 then
        return next format('seed %s: call %s counts %s, not %s', seed, nth, counted.used, standing + 1);
      end if;
      so_far := counted;
    else
      -- The first moment at which so many slices have left that there is room.
      room := (
        select min(to_timestamp(later * seconds))
        from generate_series(slice + 1, slice + 13) as later
        where (select count(*) from unnest(let_in) as call where floor(extract(epoch from call) / seconds) >= later - 12) < most
      );
      if counted.full_until is distinct from room then
        return next format('seed %s: call %s may come again at %s, not %s', seed, nth, room, counted.full_until);
      end if;
      if (private.count_in_window(so_far, seconds, most, room)).full_until is not null
        or (private.count_in_window(so_far, seconds, most, room - interval '1 microsecond')).full_until is null
      then
        return next format('seed %s: call %s was told the wrong moment', seed, nth);
      end if;
    end if;
  end loop;
end
$$;
-- No stretch of the window's length, wherever it begins, holds more than was allowed.
create function pg_temp.most_within(seed double precision, seconds integer, most integer)
returns bigint
language plpgsql
as $$
declare
  so_far private.rate_window;
  counted private.rate_window;
  at timestamptz := '2027-03-10 00:00:00+00';
  let_in timestamptz[] := '{}';
begin
  perform setseed(seed);
  for nth in 1..600 loop
    at := at + make_interval(secs => seconds * 12.0 / most / 2 * random() * random() * 3);
    counted := private.count_in_window(so_far, seconds, most, at);
    if counted.full_until is null then
      let_in := let_in || at;
      so_far := counted;
    end if;
  end loop;
  return (
    select max(within)
    from unnest(let_in) as first
    cross join lateral (
      select count(*) as within from unnest(let_in) as later where later >= first and later < first + make_interval(secs => seconds * 12)
    ) as counts
  );
end
$$;
select is_empty(format('select pg_temp.wrong_counts(%s)', seed / 50.0), 'windows count as a list of all calls would, seed ' || seed)
from generate_series(1, 30) as seed;
select is(pg_temp.most_within(seed / 20.0, seconds, most), most::bigint, format('any %s seconds hold %s calls at most', seconds * 12, most))
from generate_series(1, 5) as seed, unnest(array[5, 300, 7200]) as seconds, unnest(array[1, 7, 40]) as most;
select is(
  private.count_in_window(private.count_in_window(null, 5, 2, now()), 5, 2, now() - interval '1 day'),
  private.count_in_window(private.count_in_window(null, 5, 2, now()), 5, 2, now()),
  'a clock that is set back frees nothing'
);

select * from finish();
rollback;
