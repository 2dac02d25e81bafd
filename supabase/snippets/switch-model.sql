-- Switch a model off or on
--
-- Off, nobody can call it and the router passes it over; calls that run go on to their end.
-- Change the model, choose false or true, then press Run.

select *
from admin.switch_model(
  model => 'openai/gpt-3.5-turbo',
  enabled => false,
  reason => 'Its answers are broken',
  author => 'Your Name'
);
