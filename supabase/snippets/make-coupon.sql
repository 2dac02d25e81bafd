-- Make a coupon
--
-- Makes a code that gives credits, once per account. Change the values, then press Run.
--
--   code             capital letters, digits and hyphens
--   credits          how many each account gets (1,000 credits are worth US$1)
--   lasts            how long the credits can be used once they were redeemed
--   max_redemptions  how many accounts may use it; null means any number
--   ends_at          until when the code works

select admin.sign_act(author => 'Your Name', reason => 'Spring campaign');

insert into private.coupons (code, credits_micros, lasts, max_redemptions, ends_at, note)
values ('SPRING-500', admin.micros(500), interval '90 days', 1000, now() + interval '30 days', 'Spring campaign');

select * from admin.coupons order by coupon_id desc;
