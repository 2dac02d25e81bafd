-- accounts: who a person is, the accounts they act for, and the keys that act for an account. A personal account and a team
-- are the same kind of row; wallet, plan, keys, conversations and invoices hang on it.
--
-- A person never reads or changes a row of an account they are not a member of, and an
-- account that has books is never deleted.

create type private.account_kind as enum ('personal', 'team');
create type private.member_role as enum ('owner', 'admin', 'member', 'billing', 'viewer');

-- profiles ----------------------------------------------------------------------------------

create table private.profiles (
  user_id uuid primary key references auth.users (id) on delete cascade,
  name text not null check (char_length(name) between 1 and 80),
  avatar_url text check (char_length(avatar_url) <= 500 and avatar_url ~ '^https://'),
  created_at timestamptz not null default now()
);

comment on table private.profiles is 'What others may see of a person. One row per user, made by the sign-up trigger.';

alter table private.profiles enable row level security;

create table private.preferences (
  user_id uuid primary key references private.profiles (user_id) on delete cascade,
  locale text not null default 'en' check (locale ~ '^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$'),
  theme text not null default 'system' check (theme in ('system', 'light', 'dark')),
  default_model text not null default 'oneai/auto' check (char_length(default_model) between 1 and 200),
  custom_instructions text not null default '' check (char_length(custom_instructions) <= 4000),
  exclusions text[] not null default '{}' check (cardinality(exclusions) <= 100)
);

comment on table private.preferences is 'What a person chose for themselves. Nobody else reads it.';
comment on column private.preferences.exclusions is 'Patterns of models that no preset chooses for this person.';

alter table private.preferences enable row level security;

-- accounts and members --------------------------------------------------------------------

create table private.accounts (
  id uuid primary key default gen_random_uuid(),
  kind private.account_kind not null,
  name text not null check (char_length(name) between 1 and 80),
  personal_user_id uuid unique references private.profiles (user_id) on delete set null,
  suspended_at timestamptz,
  created_at timestamptz not null default now(),
  check (kind = 'personal' or personal_user_id is null)
);

comment on table private.accounts is 'What owns things: a personal account per user, or a team. Suspended accounts may read but not spend.';
comment on column private.accounts.personal_user_id is 'Whose personal account this is; empty once that user is gone and only the books remain.';

alter table private.accounts enable row level security;

create table private.members (
  account_id uuid not null references private.accounts (id) on delete cascade,
  user_id uuid not null references private.profiles (user_id) on delete cascade,
  role private.member_role not null,
  created_at timestamptz not null default now(),
  primary key (account_id, user_id)
);

comment on table private.members is 'Who may act for an account, and as what.';

alter table private.members enable row level security;
create index members_user_id_idx on private.members (user_id);

-- keys --------------------------------------------------------------------------------------

create table private.api_keys (
  id uuid primary key default gen_random_uuid(),
  account_id uuid not null references private.accounts (id) on delete cascade,
  created_by uuid not null references private.profiles (user_id) on delete cascade,
  name text not null check (char_length(name) between 1 and 80),
  prefix text not null check (char_length(prefix) between 8 and 24),
  hash bytea not null unique check (octet_length(hash) = 32),
  previous_hash bytea unique check (octet_length(previous_hash) = 32),
  previous_until timestamptz,
  scopes text[] not null default '{completions,embeddings,read}'
    check (scopes <@ '{completions,embeddings,read}' and cardinality(scopes) between 1 and 3),
  allowed_models text[] not null default '{*}' check (cardinality(allowed_models) between 1 and 50),
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  created_at timestamptz not null default now()
);

comment on table private.api_keys is 'What a program shows to act for an account. Only the SHA-256 of a key is kept.';
comment on column private.api_keys.previous_hash is 'The key before the last rotation, good until previous_until.';
comment on column private.api_keys.last_used_at is 'Known to the minute, so that a busy key is not written with every call.';

alter table private.api_keys enable row level security;
create index api_keys_account_id_idx on private.api_keys (account_id);
create index api_keys_created_by_idx on private.api_keys (created_by);

-- predicates ------------------------------------------------------------------------------

create function private.my_account_ids()
returns setof uuid
language sql
stable
-- As its owner, because a policy on members that read members would never end.
security definer
set search_path = ''
as $$
  select members.account_id
  from private.members
  where members.user_id = (select auth.uid())
$$;

comment on function private.my_account_ids is 'The accounts the caller is a member of.';

create function private.my_peer_ids()
returns setof uuid
language sql
stable
-- As its owner, for the same reason.
security definer
set search_path = ''
as $$
  select peers.user_id
  from private.members as mine
  join private.members as peers using (account_id)
  where mine.user_id = (select auth.uid())
$$;

comment on function private.my_peer_ids is 'Everybody who shares an account with the caller, the caller included.';

create function private.has_role(account_id uuid, variadic roles private.member_role[])
returns boolean
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return exists (
    select from private.members
    where members.account_id = has_role.account_id
      and members.user_id = (select auth.uid())
      and members.role = any (has_role.roles)
  );
end
$$;

comment on function private.has_role is 'Whether the caller is a member of the account in one of the roles.';

grant execute on function private.my_account_ids, private.my_peer_ids, private.has_role to authenticated;

-- policies and grants -----------------------------------------------------------------------

create policy "people see themselves and those they share an account with" on private.profiles
  for select to authenticated
  using (user_id in (select private.my_peer_ids()));

create policy "people change their own profile" on private.profiles
  for update to authenticated
  using (user_id = (select auth.uid()))
  with check (user_id = (select auth.uid()));

create policy "people see their own preferences" on private.preferences
  for select to authenticated
  using (user_id = (select auth.uid()));

create policy "people change their own preferences" on private.preferences
  for update to authenticated
  using (user_id = (select auth.uid()))
  with check (user_id = (select auth.uid()));

create policy "members see their accounts" on private.accounts
  for select to authenticated
  using (id in (select private.my_account_ids()));

create policy "members see who else is a member" on private.members
  for select to authenticated
  using (account_id in (select private.my_account_ids()));

create policy "members see the keys of their accounts" on private.api_keys
  for select to authenticated
  using (account_id in (select private.my_account_ids()));

grant select on private.profiles, private.preferences, private.accounts, private.members to authenticated, service_role;
grant select (
  id, account_id, created_by, name, prefix, scopes, allowed_models, previous_until, expires_at, revoked_at, last_used_at, created_at
)
  on private.api_keys to authenticated, service_role;
grant update (name, avatar_url) on private.profiles to authenticated;
grant update (locale, theme, default_model, custom_instructions, exclusions) on private.preferences to authenticated;

-- sign-up ---------------------------------------------------------------------------------

create function private.set_up_user()
returns trigger
language plpgsql
volatile
-- As its owner, because the auth service signs people up and may write nothing of ours.
security definer
set search_path = ''
as $$
declare
  given_name constant text := coalesce(
    nullif(btrim(new.raw_user_meta_data ->> 'name'), ''),
    nullif(btrim(new.raw_user_meta_data ->> 'full_name'), ''),
    nullif(split_part(coalesce(new.email, ''), '@', 1), ''),
    'New user'
  );
  name constant text := private.require_text('Name', given_name, 80);
  new_account_id uuid;
begin
  insert into private.profiles (user_id, name) values (new.id, name);
  insert into private.preferences (user_id) values (new.id);
  insert into private.accounts (kind, name, personal_user_id)
  values ('personal', name, new.id)
  returning accounts.id into new_account_id;
  insert into private.members (account_id, user_id, role) values (new_account_id, new.id, 'owner');
  return null;
end
$$;

comment on function private.set_up_user is
  'Makes all that a person needs when they sign up. Wallet and plan follow from the new account, in the same transaction.';

create trigger on_users_insert
  after insert on auth.users
  for each row execute function private.set_up_user();

-- api ---------------------------------------------------------------------------------------

create view api.profile
with (security_invoker = true)
as
select
  profiles.user_id as id,
  profiles.name,
  profiles.avatar_url,
  preferences.locale,
  preferences.theme,
  preferences.default_model,
  preferences.custom_instructions,
  preferences.exclusions,
  profiles.created_at
from private.profiles
join private.preferences using (user_id)
where profiles.user_id = (select auth.uid());

comment on view api.profile is 'The caller''s own profile and preferences: one row.';

create view api.accounts
with (security_invoker = true)
as
select accounts.id, accounts.kind, accounts.name, members.role, accounts.suspended_at, accounts.created_at
from private.accounts
join private.members on members.account_id = accounts.id
where members.user_id = (select auth.uid());

comment on view api.accounts is 'The accounts the caller acts for, with the caller''s role in each.';

create view api.members
with (security_invoker = true)
as
select members.account_id, members.user_id, profiles.name, profiles.avatar_url, members.role, members.created_at
from private.members
join private.profiles using (user_id);

comment on view api.members is 'Everybody in the caller''s accounts.';

grant select on api.profile, api.accounts, api.members to authenticated;

create function api.update_profile(
  name text default null,
  avatar_url text default null,
  locale text default null,
  theme text default null,
  default_model text default null,
  custom_instructions text default null
)
returns api.profile
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  caller constant uuid := auth.uid();
  given constant api.profile := row(
    null,
    private.require_text('Name', update_profile.name, 80),
    private.require_text('Picture address', update_profile.avatar_url, 500, may_be_empty => true),
    update_profile.locale,
    update_profile.theme,
    private.require_text('Default model', update_profile.default_model, 200),
    private.require_text('Custom instructions', update_profile.custom_instructions, 4000, may_be_empty => true),
    null,
    null
  );
  updated api.profile;
begin
  if given.locale !~ '^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$' then
    perform private.fail(422, 'invalid_input', 'That is not a language tag.', 'Use one such as en or en-GB.');
  end if;
  if given.theme not in ('system', 'light', 'dark') then
    perform private.fail(422, 'invalid_input', 'There is no such theme.', 'Use system, light or dark.');
  end if;
  if given.avatar_url !~ '^(https://.*)?$' then
    perform private.fail(422, 'invalid_input', 'A picture''s address must start with https://.', null);
  end if;

  update private.profiles set
    name = coalesce(given.name, profiles.name),
    avatar_url = case when given.avatar_url is null then profiles.avatar_url else nullif(given.avatar_url, '') end
  where profiles.user_id = caller;

  update private.preferences set
    locale = coalesce(given.locale, preferences.locale),
    theme = coalesce(given.theme, preferences.theme),
    default_model = coalesce(given.default_model, preferences.default_model),
    custom_instructions = coalesce(given.custom_instructions, preferences.custom_instructions)
  where preferences.user_id = caller;

  select * into updated from api.profile;
  if updated.id is null then
    perform private.fail(404, 'not_found', 'You have no profile.', 'Sign out and in again.');
  end if;
  return updated;
end
$$;

comment on function api.update_profile is
  'Changes what is given of the caller''s profile and preferences, leaves the rest, returns the whole. An empty picture address removes it.';

create function api.is_person()
returns boolean
language sql
stable
security invoker
set search_path = ''
as $$
  select exists (select from private.preferences where preferences.user_id = (select auth.uid()))
$$;

comment on function api.is_person is
  'Whether the caller is a person who is still here; asked before much is read of whoever shows a token.';

grant execute on function api.update_profile, api.is_person to authenticated;
