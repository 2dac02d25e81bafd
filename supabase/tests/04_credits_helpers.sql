-- The words of tests about credits: teams by name, what is given to them, held and spent, and what
-- their wallets then say. Runs and holds are named by a word.

create function tests.team(name text)
returns uuid
language sql
as $$
  select id from private.accounts where accounts.name = team.name and kind = 'team'
$$;

create function tests.open_team(name text)
returns void
language sql
as $$
  insert into private.accounts (kind, name) values ('team', open_team.name)
$$;

create function tests.grants(
  name text, amount bigint, fact text, source private.lot_source default 'top_up', expires timestamptz default null,
  priority smallint default 100
)
returns bigint
language sql
as $$
  select private.grant_credits(tests.team(name), amount, source, fact, 'For tests', 'tests', expires, priority)
$$;

create function tests.hold_id(word text)
returns uuid
language sql
as $$
  select md5(word)::uuid
$$;

-- A call costs a micro for every token of its answer, so that a test can say what it costs.
create function tests.price_by_token()
returns void
language sql
as $$
  insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd) values ('acme/unit', 'Unit', 1000, 1000, 0, 0);
  insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k) values ('acme/unit', 1, 0, 0.001);
$$;

create function tests.holds(name text, amount bigint, word text)
returns void
language sql
as $$
  -- What authorising does, without its rules.
  update private.wallets set set_aside_micros = set_aside_micros + amount where account_id = tests.team(name);
  insert into private.runs (
    id, account_id, user_id, task, requested_model, model_ids, upstream_names, price_version_ids, shape, max_tokens, is_clamped, held_micros,
    month_start, lease_until, started_at
  )
  select
    tests.hold_id(word), tests.team(holds.name), gen_random_uuid(), 'completion', 'acme/unit', '{acme/unit}', '{acme/unit}', array[price_version_id],
    row(1, 1, 0, null, 1, 0)::private.request_shape, 1, false, amount, '-infinity', private.clock(), private.clock()
  from private.models where models.id = 'acme/unit'
$$;

create function tests.ends(word text, outcome private.run_outcome, tokens numeric)
returns private.usage_events
language sql
as $$
  select private.finish_run(
    tests.hold_id(word),
    row(outcome, null, null, null, null, row(1, tokens, 0, 0, 0, 0, 0, 0)::private.token_counts, null, null, null, null, null)::private.run_report
  )
$$;

create function tests.settles(word text, charge bigint)
returns bigint
language sql
as $$
  select (tests.ends(word, 'completed', charge)).charged_micros::bigint
$$;

create function tests.ended(word text)
returns text
language sql
as $$
  select format('%s %s', outcome, charged_micros) from private.resolutions where hold_id = tests.hold_id(word)
$$;

create function tests.spends(name text, amount bigint, word text)
returns bigint
language sql
as $$
  select tests.holds(name, amount, word);
  select tests.settles(word, amount);
$$;

create function tests.charge_of(word text)
returns bigint
language sql
as $$
  select transaction_id from private.resolutions where hold_id = tests.hold_id(word)
$$;

-- What a wallet says: balance, held, debt; and what its lots say.
create function tests.has(name text, balance bigint, held bigint, debt bigint, description text)
returns text
language sql
as $$
  select is(
    (
      select format('%s/%s/%s', balance_micros, held_micros, debt_micros)
        || case when balance_micros + debt_micros <> (
          select coalesce(sum(remaining_micros), 0) from private.lots where lots.account_id = balances.account_id
        ) then ' but its lots have another sum' else '' end
      from private.balances
      where account_id = tests.team(name)
    ),
    format('%s/%s/%s', balance, held, debt), description
  )
$$;
