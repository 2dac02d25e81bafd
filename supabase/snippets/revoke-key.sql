-- Revoke a key
--
-- Ends a key at once: calls that run go on to their end, no other is let in.
-- Give the beginning that its owner sees, or the key_id of admin.keys, then press Run. It cannot be undone.

select account, key, prefix, made_by, last_used, revoked_since
from admin.revoke_key(
  key => 'sk-oneai-Leaked',
  reason => 'Found in a public repository',
  author => 'Your Name'
);
