-- Pause all calls
--
-- Lets no new call of anybody begin, for trouble with our account upstream. Calls that run go on to
-- their end. Run it again with false to go on.

select *
from admin.pause_upstream(
  paused => true,
  reason => 'The bill upstream is not right',
  author => 'Your Name'
);
