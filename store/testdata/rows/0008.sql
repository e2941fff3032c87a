INSERT INTO audit (repo_id, pull, source, kind, by_id, login, finding, rule, package, reason, detail, place, made_at) VALUES
    (1, 0, 'commit:c:.lockkeeper/allow.toml:0', 'allowlist-added', 3, 'carol', '', '', 'cargo/ring', 'because é', '[[allow]]', 'https://example.invalid/c', 1779451200000002);
