INSERT INTO owner_looks (package, first_at, last_at, tried_at, wanted_at) VALUES ('cargo/ring', 1, 2, 3, 4);
INSERT INTO owners (package, kind, id, since, gone, login) VALUES ('cargo/ring', 'user', '52', 1, 0, 'briansmith'), ('cargo/ring', 'user', '53', 1, 2, 'x');
