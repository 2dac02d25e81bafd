-- Stuck calls
--
-- Calls that should have ended: their worker is gone, and the credits they hold are still set aside.
-- The sweep ends them within seconds of the end of their hold, so normally there are none.
-- Press Run. If there are some, the scheduled work is not running; this ends them by hand:
--   select private.sweep_runs();

select age, account, owner_email, requested_model, status, held_credits, run_id
from admin.open_runs
where is_stuck
order by age desc;
