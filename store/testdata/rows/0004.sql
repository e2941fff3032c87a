INSERT INTO comments (repo_id, comment_id, pull, body, command, noted_at, heard, answered) VALUES
    (1, 11, 7, 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', TRUE, 1779451200000000, '{"id":11}', TRUE),
    (1, 12, 7, '', FALSE, 1779451200000001, '', FALSE);
