-- Health
--
-- Whether the machine runs as it should. Press Run. Where is_well is false, the last column says
-- what to do.

select * from admin.health;
