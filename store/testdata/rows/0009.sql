UPDATE scans SET closed_at = 1779451200000001 WHERE repo_id = 1 AND pull = 8;
