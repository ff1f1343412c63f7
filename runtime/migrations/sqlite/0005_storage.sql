-- One writer: events come in the order of their commits by `seq` alone. PostgreSQL needs a column here.
SELECT 1;
