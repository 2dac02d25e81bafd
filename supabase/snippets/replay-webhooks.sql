-- Replay webhooks
--
-- Applies the events again that could not be applied, after what was wrong has been put right. Safe
-- at any time: what has been done is not done twice. Press Run. For one event, dead or not, write its
-- id in quotes between the brackets; events and what came of them are in admin.webhooks.

select received_at, event, state, outcome, event_id
from admin.replay_webhook();
