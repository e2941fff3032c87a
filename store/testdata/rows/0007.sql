INSERT INTO findings (repo_id, finding, rule, package) VALUES (1, 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'build-code-added', 'pkg:cargo/ring@0.17.8');
INSERT INTO signed (repo_id, pull, finding, base_ref, head, state, body) VALUES (1, 7, 'sha256:00', 'main', 'h', 'merged', '{"signed_by":[]}'), (1, 8, 'sha256:00', 'main', 'h', 'open', '{}');
INSERT INTO offers (repo_id, kind, base_ref, pull, state) VALUES (1, 'allowlist', 'main', 9, 'open'), (1, 'onboarding', 'main', 2, 'declined');
INSERT INTO rules_seen (repo_id, branch, commit_id, policy, allowlist) VALUES (1, 'main', 'c', 'p', '');
