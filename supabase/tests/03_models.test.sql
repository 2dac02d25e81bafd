-- models: who sees the catalogue and its prices, how rules become price versions, and what
-- the tables refuse. The list of OpenRouter itself is tried in sync.test.ts.

begin;
select no_plan();

select tests.create_user('Ada');

insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd)
values
  ('acme/small', 'Acme Small', 32000, 4000, 0.000001, 0.000002),
  ('acme/large', 'Acme Large', 64000, 8000, 0.000003, 0.000015),
  ('acme/unpriced', 'Acme Unpriced', 32000, 4000, null, null);
update private.models set
  cache_read_usd = 0.0000001, cache_write_usd = 0.00000125, reasoning_usd = 0.000003, audio_usd = 0.00001,
  image_usd = 0.001, search_usd = 0.01, request_usd = 0.005
where id = 'acme/large';
select private.reprice();

create function pg_temp.price_of(model_id text)
returns private.price_versions
language sql
as $$
  select price_versions
  from private.price_versions
  join private.models on models.price_version_id = price_versions.id
  where models.id = price_of.model_id
$$;

-- rules become prices -----------------------------------------------------------------------

select is((pg_temp.price_of('acme/small')).prompt_micros, 1200::numeric, 'without a rule of its own a model costs a fifth more than upstream');
select is((pg_temp.price_of('acme/small')).completion_micros, 2400::numeric, 'so does its answer');
select is(pg_temp.price_of('acme/unpriced'), null, 'a model without an upstream price has no version');

select results_eq(
  $$
    select cache_read_micros::float8, cache_write_micros::float8, reasoning_micros::float8, audio_micros::float8,
      image_micros::float8, search_micros::float8, request_micros::float8
    from pg_temp.price_of('acme/large')
  $$,
  $$values (120::float8, 1500::float8, 3600::float8, 12000::float8, 1200000::float8, 12000000::float8, 6000000::float8)$$,
  'every kind of unit carries the same markup'
);
select results_eq(
  $$select cache_read_micros, cache_write_micros, reasoning_micros, audio_micros, image_micros from pg_temp.price_of('acme/small')$$,
  $$values (1200::numeric, 1200::numeric, 2400::numeric, 1200::numeric, 0::numeric)$$,
  'a kind that upstream does not price costs what a plain token costs, and an image nothing'
);

insert into private.pricing_rules (pattern, priority, markup_percent) values ('acme/*', 50, 33.333);
select is((pg_temp.price_of('acme/small')).prompt_micros, 1333.33::numeric, 'a markup with decimals is exact');
select is(
  (pg_temp.price_of('acme/small')).rule_id, (select id from private.pricing_rules where pattern = 'acme/*'),
  'a version names the rule it follows'
);

insert into private.pricing_rules (pattern, priority, input_credits_per_1k, output_credits_per_1k, minimum_micros)
values ('acme/sm*', 40, 0.5, 0.0000001, 777);
select results_eq(
  $$select prompt_micros, cache_read_micros, completion_micros, reasoning_micros, minimum_micros from pg_temp.price_of('acme/small')$$,
  $$values (500::numeric, 500::numeric, 0.0001::numeric, 0.0001::numeric, 777::bigint)$$,
  'the lowest priority that fits wins, and a fixed rule decides every token'
);
select is((pg_temp.price_of('acme/large')).prompt_micros, 3999.99::numeric, 'what does not fit its pattern keeps the rule it had');

insert into private.pricing_rules (pattern, priority, markup_percent) values ('acme/small', 40, 0);
select is((pg_temp.price_of('acme/small')).prompt_micros, 500::numeric, 'of two rules with one priority the older wins');

insert into private.pricing_rules (pattern, priority, markup_percent, active) values ('*', 1, 900, false);
select is((pg_temp.price_of('acme/small')).prompt_micros, 500::numeric, 'a rule that is not active decides nothing');

select ok('acme/small' like private.like_pattern('*'), 'a star stands for anything');
select ok('acme/small' like private.like_pattern('acme/*l'), 'a star may stand in the middle');
select ok('acme/small' not like private.like_pattern('acme/smal_'), 'an underscore stands for itself');
select ok('acme/small' not like private.like_pattern('acme/%'), 'a percent sign stands for itself');
select ok('a\b' like private.like_pattern('a\b'), 'so does a backslash');

-- versions are history ----------------------------------------------------------------------

create temporary table was as select * from private.price_versions order by id;
delete from private.pricing_rules where pattern like 'acme/%';
select is((pg_temp.price_of('acme/small')).prompt_micros, 1200::numeric, 'without the rules the default holds again');
select ok(
  (pg_temp.price_of('acme/small')).id > (select max(id) from was), 'an old price that comes back is a new version'
);
select set_eq(
  'select * from private.price_versions where id <= (select max(id) from was)', 'select * from was',
  'a change never rewrites a version'
);
select is(private.reprice(), 0, 'nothing new, no version');

delete from private.pricing_rules where pattern = '*' and active;
select is(pg_temp.price_of('acme/small'), null, 'with no rule left a model cannot be called');
insert into private.pricing_rules (pattern, priority, markup_percent) values ('*', 1000, 20);

update private.models set retired_at = private.clock() where id = 'acme/small';
select private.reprice();
select is(pg_temp.price_of('acme/small'), null, 'a retired model has no price');
update private.models set retired_at = null where id = 'acme/small';
select private.reprice();
select is((pg_temp.price_of('acme/small')).prompt_micros, 1200::numeric, 'one that returns has one again');

select tests.throws(
  'update private.price_versions set prompt_micros = 0', 409, 'append_only', 'the owner of the schema does not change a version'
);
select tests.throws('delete from private.price_versions', 409, 'append_only', 'nor delete one');
select tests.throws('truncate private.price_versions cascade', 409, 'append_only', 'nor all');

-- arithmetic --------------------------------------------------------------------------------

create function pg_temp.cost(used private.token_counts, minimum bigint default 0)
returns bigint
language sql
as $$
  select private.price_micros(
    row(
      1, 'acme/large', null, 3::numeric, 15::numeric, 0.3::numeric, 3.75::numeric, 20::numeric, 10::numeric, 1000::numeric,
      5000::numeric, 7::numeric, minimum, 0::numeric, 0::numeric, now(), 10::numeric, 20::numeric
    )::private.price_versions,
    used
  )
$$;

select is(pg_temp.cost(row(100, 10, 0, 0, 0, 0, 0, 0)), 457::bigint, 'prompt and answer by the token, and the request');
select is(pg_temp.cost(row(100, 10, 50, 0, 0, 0, 0, 0)), 322::bigint, 'cached tokens are part of the prompt and cost their own price');
select is(pg_temp.cost(row(100, 10, 0, 20, 0, 0, 0, 0)), 472::bigint, 'so are those written to the cache');
select is(pg_temp.cost(row(100, 10, 0, 0, 4, 0, 0, 0)), 477::bigint, 'reasoning is part of the answer');
select is(pg_temp.cost(row(100, 10, 0, 0, 0, 10, 0, 0)), 527::bigint, 'audio is part of the prompt');
select is(pg_temp.cost(row(100, 10, 0, 0, 0, 0, 2, 1)), 7457::bigint, 'images and searches by the piece');
select is(pg_temp.cost(row(1, 0, 1, 0, 0, 0, 0, 0)), 8::bigint, 'a fraction is rounded up, once, at the end');
select is(pg_temp.cost(row(10, 0, 3, 3, 0, 0, 0, 0)), 32::bigint, 'not per kind: 12 + 0.9 + 11.25 + 7 are 31.15');
select is(pg_temp.cost(row(10, 5, 20, 0, 9, 0, 0, 0)), 193::bigint, 'more cached or reasoned than there was never turns into a discount');
select is(pg_temp.cost(null), 7::bigint, 'nothing known, nothing but the request');
select is(pg_temp.cost(row(null, null, null, null, null, null, null, null)), 7::bigint, 'nor when every count is empty');
select is(pg_temp.cost(row(1, 1, 0, 0, 0, 0, 0, 0), 1000), 1000::bigint, 'at least the minimum charge');
select is(
  pg_temp.cost(row(9223372036854775807, 9223372036854775807, 0, 0, 0, 0, 0, 0)), 9007199254740991::bigint,
  'no use is so large that it overflows'
);

select is(
  private.prompt_tokens_bound(row(1000, 3, 2, null, null, null)), 81112::bigint,
  'a prompt has no more tokens than bytes, 16 a message, 64 a request and 40,000 an image'
);
select is(private.prompt_tokens_bound(null), 64::bigint, 'nothing known is an empty prompt');
select is(
  private.fixed_bound_micros(row(100, 1, 1, null, null, 2), 0, 7, 10, 1000, 5000),
  (7 + 10 * 40180 + 1000 + 10000)::numeric, 'the most that all but the answer can cost'
);

-- choosing ----------------------------------------------------------------------------------

insert into private.models (id, name, context_tokens, max_output_tokens, prompt_usd, completion_usd, input_modalities, parameters)
values
  ('pick/eyes', 'Eyes', 8000, 4000, 0.000001, 0.000002, '{text,image}', '{}'),
  ('pick/hands', 'Hands', 128000, 4000, 0.000001, 0.000002, '{text}', '{tools}'),
  ('pick/plain', 'Plain', 16000, 4000, 0.000001, 0.000002, '{text}', '{}');
select private.reprice();
insert into private.presets (id, name, description, active)
values ('oneai/pick', 'Pick', 'For tests.', true), ('oneai/closed', 'Closed', 'For tests.', false);
insert into private.router_rules (preset_id, priority, needs_images, needs_code, language, min_prompt_tokens, max_prompt_tokens, models, reason)
values
  ('oneai/pick', 10, null, null, null, 10000, 20000, '{pick/hands}', 'A long prompt.'),
  ('oneai/pick', 20, true, null, null, null, null, '{pick/plain,pick/eyes,pick/missing}', 'An image.'),
  ('oneai/pick', 30, null, true, null, null, null, '{pick/plain,pick/hands}', 'Code.'),
  ('oneai/pick', 40, null, null, 'sw', null, null, '{pick/eyes}', 'Swahili.'),
  ('oneai/pick', 90, null, null, null, null, null, '{pick/unknown}', 'Nothing of this exists.'),
  ('oneai/pick', 99, null, null, null, null, null, '{pick/plain,pick/eyes,pick/hands}', 'Anything else.'),
  ('oneai/closed', 99, null, null, null, null, null, '{pick/plain}', 'Never.');

create function pg_temp.routes(
  has_images boolean default null, has_code boolean default null, has_tools boolean default null, language text default null,
  prompt_tokens integer default null, context_tokens integer default null, excluded text[] default null
)
returns text
language sql
as $$
  update private.preferences set exclusions = coalesce(excluded, '{}') where user_id = tests.id_of('Ada');
  select array_to_string(model_ids, ' ') || ': ' || reason
  from private.route(
    'oneai/pick',
    row(has_code, null, has_images, has_tools, language, prompt_tokens, context_tokens, tests.id_of('Ada'))::private.request_features
  )
$$;

select is(pg_temp.routes(), 'pick/plain pick/eyes pick/hands: Anything else.', 'an ordinary request falls to the last rule, and says so');
select is(pg_temp.routes(has_code => true), 'pick/plain pick/hands: Code.', 'code is seen');
select is(pg_temp.routes(language => 'sw'), 'pick/eyes: Swahili.', 'so is the language');
select is(pg_temp.routes(has_images => true), 'pick/eyes: An image.', 'a model that cannot see is not sent an image, one that does not exist is not named');
select is(pg_temp.routes(has_images => true, has_code => true), 'pick/eyes: An image.', 'the lower priority goes first');
select is(pg_temp.routes(prompt_tokens => 10000), 'pick/hands: A long prompt.', 'the shortest of the long prompts is long');
select is(pg_temp.routes(prompt_tokens => 20000), 'pick/hands: A long prompt.', 'so is the longest');
select is(pg_temp.routes(prompt_tokens => 9999), 'pick/plain pick/hands: Anything else.', 'a prompt that does not fit a model''s context is not sent to it');
select is(pg_temp.routes(context_tokens => 16001), 'pick/hands: Anything else.', 'a wanted context counts as well');
select is(pg_temp.routes(has_tools => true), 'pick/hands: Anything else.', 'tools go to a model that has them');
select is(pg_temp.routes(excluded => '{pick/plain}'), 'pick/eyes pick/hands: Anything else.', 'what a person excludes is not chosen');
select is(pg_temp.routes(excluded => '{*/ha*,pick/eyes}'), 'pick/plain: Anything else.', 'exclusions are patterns');
select is(pg_temp.routes(excluded => '{*}'), null, 'who excludes all gets none');
select is_empty(
  $$select * from private.route('oneai/closed', null)$$, 'a preset that is not active chooses nothing'
);
select is_empty($$select * from private.route('oneai/none', null)$$, 'one that does not exist neither');

update private.models set enabled = false where id = 'pick/plain';
select is(pg_temp.routes(), 'pick/eyes pick/hands: Anything else.', 'a model that an admin switched off is not chosen');
update private.models set enabled = true where id = 'pick/plain';

-- cooling down --------------------------------------------------------------------------------

select tests.travel_to('2027-03-01 12:00:00+00');
create function pg_temp.fails(times integer)
returns interval
language sql
as $$
  select private.note_attempt('pick/plain', 'overloaded') from generate_series(1, times);
  select cooling_until - private.clock() from private.model_health where model_id = 'pick/plain';
$$;

select is(pg_temp.fails(2), null, 'two failures in a row are forgiven');
select is(pg_temp.routes(), 'pick/plain pick/eyes pick/hands: Anything else.', 'and the model stays in use');
select is(pg_temp.fails(1), interval '30 seconds', 'the third cools it down for 30 seconds');
select is(pg_temp.routes(), 'pick/eyes pick/hands pick/plain: Anything else.', 'in which it is chosen last');
select is(pg_temp.routes(excluded => '{pick/eyes,pick/hands}'), 'pick/plain: Anything else.', 'or where nothing else is left');
select is(pg_temp.fails(1), interval '1 minute', 'the next for twice as long');
select is(pg_temp.fails(1), interval '2 minutes', 'and so on');
select is(pg_temp.fails(5), interval '1 hour', 'for an hour at most');
select is(pg_temp.fails(100), interval '1 hour', 'however often it fails');
select tests.travel('59 minutes 59 seconds');
select is(pg_temp.routes(), 'pick/eyes pick/hands pick/plain: Anything else.', 'it cools until the last second');
select tests.travel('1 second');
select is(pg_temp.routes(), 'pick/plain pick/eyes pick/hands: Anything else.', 'then it is tried again');
select private.note_attempt('pick/eyes', 'overloaded') from generate_series(1, 3);
select is(pg_temp.routes(language => 'sw'), 'pick/plain pick/hands pick/eyes: Anything else.', 'a rule whose models all rest comes after the others');
select private.note_attempt('pick/eyes', null);
select private.note_attempt('pick/plain', null);
select is_empty('select * from private.model_health', 'one answer and all is forgotten');
select is(pg_temp.fails(1), null, 'so that the next failure is a first one');
select private.note_attempt('pick/plain', repeat('e', 1000000));
select is((select char_length(last_error) from private.model_health), 200, 'of a long error the beginning is kept');
select private.note_attempt('pick/unknown', 'overloaded');
select is((select count(*) from private.model_health), 1::bigint, 'a model that does not exist has no health');

-- who sees what -------------------------------------------------------------------------------

select tests.sign_in_anonymously();
select is((select prompt_micros::float8 from api.models where id = 'acme/small'), 1200::float8, 'a visitor sees what a model costs');
select is_empty($$select * from api.models where id = 'acme/unpriced'$$, 'but not what cannot be called');
select isnt_empty($$select * from api.presets where id = 'oneai/pick'$$, 'a visitor sees the presets');
select is_empty($$select * from api.presets where id = 'oneai/closed'$$, 'that are active');
select is_empty($$select * from private.presets where id = 'oneai/closed'$$, 'and no others behind the view');
select tests.is_refused('select * from private.pricing_rules', 'a visitor does not see how prices are made');
select tests.is_refused('select * from private.router_rules', 'nor how the router chooses');
select tests.is_refused('select * from private.model_health', 'nor how models fare');
select tests.is_refused($$select api.sync_models('{}')$$, 'a visitor does not sync');
select tests.is_refused('update private.models set prompt_usd = 0', 'a visitor changes no price');

select tests.sign_in_as('Ada');
select isnt_empty($$select * from api.models where id = 'acme/small'$$, 'a person sees the models');
select tests.is_refused('select * from private.pricing_rules', 'a person does not see the rules');
select tests.is_refused('select * from private.model_health', 'nor how its models are doing');
select tests.is_refused('select private.reprice()', 'a person does not reprice');
select tests.is_refused($$select api.sync_models('{}')$$, 'a person does not sync');
select tests.is_refused($$select private.note_attempt('acme/small', 'x')$$, 'a person does not cool a model down');
select tests.is_refused('update private.price_versions set prompt_micros = 0', 'a person changes no version');
select tests.is_refused(
  $$insert into private.pricing_rules (pattern, priority, markup_percent) values ('*', 0, 0)$$, 'a person makes no rule'
);

select tests.sign_in_as_service();
select isnt_empty('select * from private.pricing_rules', 'the server reads the rules');
select tests.is_refused('update private.models set prompt_usd = 0', 'the server changes no price by hand');
select tests.is_refused('delete from private.price_versions', 'nor any version');
select tests.is_refused('select private.reprice()', 'nor reprices without a sync');
select tests.throws($$select api.sync_models('{}')$$, 422, 'invalid_input', 'a sync without a list is refused');

select tests.sign_out();

-- what the tables refuse ------------------------------------------------------------------------

create function pg_temp.breaks(statement text, code text, description text)
returns text
language sql
as $$
  select throws_ok(statement, code::char(5), null, description)
$$;

select pg_temp.breaks(format($$update private.models set %s where id = 'acme/small'$$, change), '23514', 'a model refuses ' || change)
from unnest(array[
  $$id = 'no-provider'$$, $$id = 'acme/UPPER'$$, $$id = 'acme/with space'$$, $$name = ''$$, $$name = repeat('x', 201)$$,
  $$description = repeat('x', 4001)$$, $$context_tokens = 0$$, $$max_output_tokens = 0$$, $$context_tokens = -1$$,
  $$prompt_usd = -0.000001$$, $$completion_usd = -1$$, $$cache_read_usd = -1$$, $$cache_write_usd = -1$$,
  $$reasoning_usd = -1$$, $$audio_usd = -1$$, $$image_usd = -1$$, $$search_usd = -1$$, $$request_usd = -1$$,
  $$prompt_usd = null$$, $$completion_usd = null$$,
  $$prompt_usd = 'NaN'$$, $$completion_usd = 'infinity'$$, $$image_usd = 'NaN'$$, $$request_usd = 'infinity'$$
]) as change;

select pg_temp.breaks(
  format($$insert into private.pricing_rules (pattern, priority, markup_percent, input_credits_per_1k, output_credits_per_1k) values (%s)$$, rule),
  '23514', 'a rule refuses ' || rule
)
from unnest(array[
  $$'', 1, 20, null, null$$, $$'ACME', 1, 20, null, null$$, $$'acme/%', 1, 20, null, null$$, $$repeat('a', 201), 1, 20, null, null$$,
  $$'*', 1, -1, null, null$$, $$'*', 1, 10001, null, null$$, $$'*', 1, 'NaN', null, null$$, $$'*', 1, null, null, null$$,
  $$'*', 1, 20, 1, 1$$, $$'*', 1, null, 1, null$$, $$'*', 1, null, -1, 1$$, $$'*', 1, null, 1, 1000001$$,
  $$'*', 1, null, 'NaN', 1$$, $$'*', 1, 20, 1, null$$
]) as rule;
select pg_temp.breaks('update private.pricing_rules set minimum_micros = -1', '23514', 'a minimum is not negative');
select pg_temp.breaks('update private.pricing_rules set minimum_micros = 1000000001', '23514', 'nor a thousand credits');

select pg_temp.breaks(
  format(
    $$insert into private.price_versions (
        model_id, prompt_micros, completion_micros, cache_read_micros, cache_write_micros, reasoning_micros, audio_micros,
        image_micros, search_micros, request_micros, minimum_micros, upstream_prompt_usd, upstream_completion_usd
      )
      values ('acme/small', %s)$$,
    (select string_agg(case when nth = odd then value else '0' end, ', ' order by nth) from generate_series(1, 12) as nth)
  ),
  '23514', format('a version refuses %s in its figure %s', value, odd)
)
from generate_series(1, 12) as odd
cross join unnest(array['-1', $$'NaN'$$]) as value
where not (odd = 10 and value = $$'NaN'$$);
select pg_temp.breaks(
  $$insert into private.price_versions (
      model_id, prompt_micros, completion_micros, cache_read_micros, cache_write_micros, reasoning_micros, audio_micros,
      image_micros, search_micros, request_micros, minimum_micros, upstream_prompt_usd, upstream_completion_usd
    )
    values ('acme/none', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)$$,
  '23503', 'a version is of a model there is'
);

select pg_temp.breaks($$insert into private.models (id, name, context_tokens, max_output_tokens) values ('acme/small', 'Again', 1, 1)$$, '23505', 'a model is listed once');
select pg_temp.breaks($$insert into private.model_health (model_id, failures) values ('acme/small', -1)$$, '23514', 'failures are not negative');
select pg_temp.breaks($$insert into private.model_health (model_id) values ('acme/none')$$, '23503', 'health is of a model there is');
select pg_temp.breaks($$insert into private.presets (id, name, description) values ('acme/auto', 'A', '')$$, '23514', 'a preset is one of ours');
select pg_temp.breaks($$insert into private.presets (id, name, description) values ('oneai/x', 'A', '')$$, '23514', 'with a name of some length');
select pg_temp.breaks($$insert into private.presets (id, name, description) values ('oneai/nameless', '', '')$$, '23514', 'and a name for people');
select pg_temp.breaks(
  format($$update private.router_rules set %s where preset_id = 'oneai/pick'$$, change), '23514', 'a router rule refuses ' || change
)
from unnest(array[
  $$models = '{}'$$, $$models = array_fill('a/b'::text, array[11])$$, $$reason = ''$$, $$reason = repeat('x', 201)$$,
  $$language = 'english'$$, $$min_prompt_tokens = -1$$, $$max_prompt_tokens = -1$$
]) as change;
select pg_temp.breaks(
  $$insert into private.router_rules (preset_id, priority, models, reason) values ('oneai/none', 1, '{a/b}', 'x')$$, '23503',
  'a router rule belongs to a preset'
);

select * from finish();
rollback;
