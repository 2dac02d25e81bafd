-- matrix, first part: what belongs to nobody. The catalogue, plans and codes, as a service would
-- have made them before anybody signs up.

select tests.sign_in_as_service();

select api.sync_models('{
  "data": [
    {
      "id": "acme/small",
      "name": "Acme Small",
      "created": 1760000000,
      "description": "A model for tests.",
      "context_length": 32000,
      "architecture": { "input_modalities": ["text"], "output_modalities": ["text"] },
      "pricing": { "prompt": "0.000001", "completion": "0.000002" },
      "top_provider": { "context_length": 32000, "max_completion_tokens": 4000 },
      "supported_parameters": ["max_tokens"]
    },
    {
      "id": "acme/large",
      "name": "Acme Large",
      "created": 1760000000,
      "description": "A model for tests.",
      "context_length": 200000,
      "architecture": { "input_modalities": ["text"], "output_modalities": ["text"] },
      "pricing": { "prompt": "0.000001", "completion": "0.000002" },
      "top_provider": { "context_length": 200000, "max_completion_tokens": 4000 },
      "supported_parameters": ["max_tokens"]
    }
  ]
}');

select tests.sign_out();

insert into private.model_quotas (plan_id, pattern, tokens_per_month) values ('free', 'acme/*', 1000000);
insert into private.coupons (code, credits_micros, note) values ('WELCOME-ALL', 1000000, 'For tests');
update private.prices set razorpay_plan_id = 'plan_' || id where plan_id is not null;
