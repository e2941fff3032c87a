INSERT INTO processes (id, until) VALUES ('host-1', 1);
UPDATE dirty SET runner = 'host-1', begun_at = 5;
INSERT INTO slots (name, next_at) VALUES ('api', 9);
