INSERT INTO repositories (id, owner, name, installation, onboarded, removed) VALUES (1, 'alice', 'a', 10, TRUE, FALSE), (2, 'bob', 'b', 20, FALSE, TRUE);
INSERT INTO statements (repo_id, pull, source, finding, verdict, by_id, login, reason, place, made_at) VALUES
    (1, 7, 'comment:1', 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'sign-off', 3, 'carol', 'because é', 'https://example.invalid/1', 1779451200000000),
    (1, 7, 'comment:2', 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'withdraw', 3, 'carol', '', '', 1779451200000001);
INSERT INTO scans (repo_id, pull, generation, open, head, base, base_ref, merge_base, check_id, comment_id, comment_digest, conclusion, result, made_at) VALUES
    (1, 7, 3, TRUE, 'h', 'b', 'main', 'm', 1099511627776, 5, 'sha256:00', 'success', '{"title":"x"}', 1779451200000000),
    (1, 8, 1, FALSE, 'h', 'b', 'main', 'm', 0, 0, '', '', NULL, 1779451200000000);
INSERT INTO handled (key, made_at) VALUES ('comment:1', 1779451200000000);
INSERT INTO facts (key, value, made_at) VALUES ('k', 'value', 1779451200000000);
INSERT INTO dirty (key, events, done, generation, failures, job) VALUES ('pull:1:7', 3, 2, 3, 1, '{"kind":"pull","repo_id":1,"pull":7}');
INSERT INTO dirty_comments (key, comment_id, event) VALUES ('pull:1:7', 11, 3);
