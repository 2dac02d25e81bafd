-- Override limits
--
-- Gives an account other limits than its plan has, for a while or for good.
-- Change the values, then press Run. It replaces an override that is there already.
--
--   null                    as the plan says
--   max_credits_per_request the most that one request may cost; 1,000 credits are worth US$1
--   expires_at              when the plan's limits come back; null means never
--
-- To end an override at once:
--   select admin.clear_override('someone@example.com', reason => 'No longer needed', author => 'Your Name');

select *
from admin.override_limits(
  account => 'someone@example.com',
  requests_per_minute => 200,
  requests_per_hour => null,
  requests_per_day => null,
  requests_per_month => 5000,
  max_credits_per_request => 100,
  expires_at => now() + interval '30 days',
  reason => 'A product launch',
  author => 'Your Name'
);
