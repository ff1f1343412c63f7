-- What starts had renamed and hidden joins what publications had put aside.
INSERT INTO quarantine (object, name, kind, at)
SELECT object, name, kind, unixepoch() * 1000000 FROM object_column
WHERE substr(object, 1, 2) = 'q_' OR substr(name, 1, 2) = 'q_';
DELETE FROM object_column WHERE substr(object, 1, 2) = 'q_' OR substr(name, 1, 2) = 'q_';
