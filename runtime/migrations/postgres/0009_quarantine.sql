-- What starts had renamed and hidden joins what publications had put aside.
INSERT INTO quarantine (object, name, kind, at)
SELECT object, name, kind, (extract(epoch FROM now()) * 1000000)::bigint FROM object_column
WHERE left(object, 2) = 'q_' OR left(name, 2) = 'q_';
DELETE FROM object_column WHERE left(object, 2) = 'q_' OR left(name, 2) = 'q_';
