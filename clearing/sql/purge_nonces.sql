-- Forget nonces whose signatures can no longer be accepted anyway.
DELETE FROM nonce
WHERE lane = %(lane)b AND expires_at < %(now)b
