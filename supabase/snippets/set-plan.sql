-- Put an account on another plan
--
-- Changes what an account may do, without a payment. Nothing is charged or granted by it; give the
-- plan's credits with "Grant credits" if they are meant to come with it.
-- Change what stands in quotes, then press Run. Plans: free, pro, team, enterprise.

select account, owner_email, plan, credits
from admin.set_plan(
  account => 'someone@example.com',
  plan => 'pro',
  reason => 'Won the hackathon',
  author => 'Your Name'
);
