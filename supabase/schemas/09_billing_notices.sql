-- billing notices: what people are told about their money, in the app and by mail, at which balances
-- they want to hear of it, and what admins must look at.
--
-- Nothing is told twice: every notice and every alert has a fact, and each fact is told once.

-- what is told ----------------------------------------------------------------------------------

create table private.notices (
  id uuid primary key default private.new_id(),
  account_id uuid not null references private.accounts (id) on delete cascade,
  kind text not null check (kind ~ '^[a-z][a-z_]{1,40}$'),
  fact text not null,
  title text not null,
  body text not null,
  link text,
  created_at timestamptz not null default now(),
  read_at timestamptz,
  mail_after timestamptz default now(),
  mail_attempts integer not null default 0,
  unique (account_id, fact)
);

comment on table private.notices is 'What an account is told about its money, in the app and by mail, once per fact.';
comment on column private.notices.mail_after is 'When it may next be tried to mail it; empty once it was mailed or given up.';

alter table private.notices enable row level security;
create index notices_account_id_idx on private.notices (account_id, created_at desc);
create index notices_mail_idx on private.notices (mail_after) where mail_after is not null;

create table private.billing_alerts (
  id bigint generated always as identity primary key,
  kind text not null check (kind ~ '^[a-z][a-z_]{1,40}$'),
  fact text not null unique,
  detail text not null,
  created_at timestamptz not null default now(),
  resolved_at timestamptz
);

comment on table private.billing_alerts is 'What an admin has to look at: money without a purpose, events that cannot be applied, webhooks that stay away.';

alter table private.billing_alerts enable row level security;
create index billing_alerts_open_idx on private.billing_alerts (created_at) where resolved_at is null;

create function private.notify(account_id uuid, kind text, fact text, title text, body text, link text default null)
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  insert into private.notices (account_id, kind, fact, title, body, link, created_at, mail_after)
  values (
    notify.account_id, notify.kind, notify.fact, notify.title, notify.body, notify.link, private.clock(), private.clock()
  )
  on conflict on constraint notices_account_id_fact_key do nothing
$$;

comment on function private.notify is 'Tells an account something, once per fact.';

create function private.alert(kind text, fact text, detail text)
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  insert into private.billing_alerts (kind, fact, detail)
  values (alert.kind, alert.fact, alert.detail)
  on conflict on constraint billing_alerts_fact_key do nothing
$$;

comment on function private.alert is 'Tells the admins something, once per fact.';

-- low balances ----------------------------------------------------------------------------------

create table private.alert_thresholds (
  account_id uuid not null references private.accounts (id) on delete cascade,
  threshold_micros bigint not null check (threshold_micros between 1 and 9007199254740991),
  told_at timestamptz,
  primary key (account_id, threshold_micros)
);

comment on table private.alert_thresholds is 'Balances below which the owner wants to hear of it; told once, and again only after the balance was above.';

alter table private.alert_thresholds enable row level security;

create function private.set_alert_thresholds(account_id uuid, thresholds bigint[])
returns setof private.alert_thresholds
language plpgsql
volatile
-- As its owner, because members may not write them. Only those who may pay get past the first check.
security definer
set search_path = ''
as $$
begin
  perform private.require_payer(set_alert_thresholds.account_id);
  if set_alert_thresholds.thresholds is null or cardinality(set_alert_thresholds.thresholds) > 5 then
    perform private.fail(422, 'invalid_input', 'Give at most five thresholds.', 'An empty list switches the alerts off.');
  end if;
  perform private.require_amount(one) from unnest(set_alert_thresholds.thresholds) as one;
  delete from private.alert_thresholds
  where alert_thresholds.account_id = set_alert_thresholds.account_id
    and alert_thresholds.threshold_micros <> all (set_alert_thresholds.thresholds);
  insert into private.alert_thresholds (account_id, threshold_micros)
  select distinct set_alert_thresholds.account_id, one from unnest(set_alert_thresholds.thresholds) as one
  on conflict on constraint alert_thresholds_pkey do nothing;
  return query
  select * from private.alert_thresholds
  where alert_thresholds.account_id = set_alert_thresholds.account_id
  order by alert_thresholds.threshold_micros desc;
end
$$;

comment on function private.set_alert_thresholds is 'Sets the balances below which those who look after the bill are told.';

create function private.check_balances(most integer default 500)
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  low record;
  told integer := 0;
begin
  update private.alert_thresholds set told_at = null
  from private.balances
  where balances.account_id = alert_thresholds.account_id
    and alert_thresholds.told_at is not null
    and balances.free_micros >= alert_thresholds.threshold_micros;
  for low in
    update private.alert_thresholds set told_at = private.clock()
    from (
      select thresholds.account_id, thresholds.threshold_micros, balances.free_micros
      from private.alert_thresholds as thresholds
      join private.balances on balances.account_id = thresholds.account_id
      where thresholds.told_at is null and balances.free_micros < thresholds.threshold_micros
      limit check_balances.most
      for update of thresholds skip locked
    ) as due
    where alert_thresholds.account_id = due.account_id and alert_thresholds.threshold_micros = due.threshold_micros
    returning alert_thresholds.account_id, alert_thresholds.threshold_micros, due.free_micros
  loop
    perform private.notify(
      low.account_id, 'low_balance', format('low:%s:%s', low.threshold_micros, extract(epoch from private.clock())),
      'Your balance is low',
      format('%s credits are left, less than the %s you wanted to hear of.', greatest(low.free_micros, 0) / 1000000, low.threshold_micros / 1000000),
      '/billing'
    );
    told := told + 1;
  end loop;
  return told;
end
$$;

comment on function private.check_balances is 'Tells owners whose balance fell below a threshold of theirs, once for each fall.';

-- reading and mailing ---------------------------------------------------------------------------

create function private.read_notices(notice_ids uuid[], account_id uuid)
returns integer
language plpgsql
volatile
-- As its owner, because members may not write notices. Only those of accounts whose books the caller reads are touched.
security definer
set search_path = ''
as $$
declare
  touched integer;
begin
  update private.notices set read_at = private.clock()
  where (notices.id = any (read_notices.notice_ids) or notices.account_id = read_notices.account_id)
    and notices.read_at is null
    and notices.account_id in (select private.my_ledger_account_ids());
  get diagnostics touched = row_count;
  return touched;
end
$$;

comment on function private.read_notices is 'Marks notices as read: some by their ids, or all of an account.';

create function private.claim_notices(most integer default 50)
returns jsonb
language plpgsql
volatile
-- As its owner, because the worker that mails may not write notices or read addresses.
security definer
set search_path = ''
as $$
declare
  claimed jsonb;
begin
  with due as (
    select waiting.id from private.notices as waiting
    where waiting.mail_after <= private.clock()
    order by waiting.mail_after
    limit greatest(claim_notices.most, 0)
    for update skip locked
  ), tried as (
    update private.notices set
      mail_attempts = notices.mail_attempts + 1,
      -- Given up after two days; it is still in the app.
      mail_after = case
        when notices.mail_attempts < 8 then private.clock() + interval '1 minute' * power(3, notices.mail_attempts)
      end
    from due
    where notices.id = due.id
    returning notices.*
  )
  select coalesce(jsonb_agg(jsonb_build_object(
    'id', tried.id, 'title', tried.title, 'body', tried.body, 'link', tried.link,
    'to', (
      select coalesce(jsonb_agg(users.email order by users.email), '[]')
      from private.members
      join auth.users on users.id = members.user_id
      where members.account_id = tried.account_id and members.role in ('owner', 'billing') and users.email is not null
    )
  )), '[]') into claimed
  from tried;
  return claimed;
end
$$;

comment on function private.claim_notices is 'Notices to be mailed now, with the addresses of those who look after the bill.';

create function private.note_mailed(notice_ids uuid[])
returns void
language sql
volatile
-- As its owner, for the same reason.
security definer
set search_path = ''
as $$
  update private.notices set mail_after = null where notices.id = any (note_mailed.notice_ids)
$$;

comment on function private.note_mailed is 'Notes that notices were handed to the mail service.';

-- policies and grants ---------------------------------------------------------------------------

create policy "those who manage an account see its thresholds" on private.alert_thresholds
  for select to authenticated using (account_id in (select private.my_ledger_account_ids()));
create policy "those who manage an account read its notices" on private.notices
  for select to authenticated using (account_id in (select private.my_ledger_account_ids()));

grant select on private.alert_thresholds, private.notices to authenticated, service_role;
grant select on private.billing_alerts to service_role;
grant execute on function private.set_alert_thresholds, private.read_notices to authenticated;
grant execute on function private.claim_notices, private.note_mailed to service_role;
