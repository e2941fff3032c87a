INSERT INTO reports (repo_id, pull, generation, headline, report) VALUES (1, 7, 3, '{"title":"x"}', 'body');
