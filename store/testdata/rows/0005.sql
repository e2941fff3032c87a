INSERT INTO sessions (hash, user_id, login, made_at, seen_at) VALUES ('sha256:00', 5, 'alice', 1, 2);
