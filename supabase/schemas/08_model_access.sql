-- model access: which models an account's plan does not include, and which plan would. It tells what
-- authorising will decide, so that nobody has to try and be refused.
--
-- It decides nothing itself: authorize_run reads the same rows for every call.

create function private.plan_includes(plan_id text, model_id text)
returns boolean
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce((
    select plan_models.allowed
    from private.plan_models
    where plan_models.plan_id = plan_includes.plan_id and plan_includes.model_id like plan_models.like_pattern
    order by plan_models.priority, plan_models.id
    limit 1
  ), false)
$$;

comment on function private.plan_includes is 'Whether a plan may call a model: the lowest priority whose pattern fits decides.';

grant execute on function private.plan_includes to authenticated;

create function api.list_excluded_models(account_id uuid)
returns table (model_id text, plan_name text)
language sql
stable
security invoker
set search_path = ''
as $$
  select
    models.id,
    (
      select plans.name
      from private.plans
      where private.plan_includes(plans.id, models.id)
      order by plans.position
      limit 1
    )
  from private.account_plans
  cross join private.models
  where account_plans.account_id = list_excluded_models.account_id
    and models.enabled
    and models.retired_at is null
    and models.price_version_id is not null
    and not private.plan_includes(account_plans.plan_id, models.id)
  order by models.id
$$;

comment on function api.list_excluded_models is
  'The models that an account''s plan does not include, each with the first plan that does.';

grant execute on function api.list_excluded_models to authenticated;
