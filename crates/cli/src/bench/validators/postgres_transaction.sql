\set patient random(1, 1000000)
\set actor random(1, 1000)
BEGIN;
INSERT INTO record (patient, body) VALUES (:patient, repeat('x', 200));
INSERT INTO audit (record, actor, at) VALUES (currval('record_id_seq'), :actor, now());
COMMIT;
