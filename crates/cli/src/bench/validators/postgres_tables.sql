CREATE TABLE record (
    id bigserial PRIMARY KEY,
    patient bigint NOT NULL,
    body text NOT NULL
);
CREATE TABLE audit (
    id bigserial PRIMARY KEY,
    record bigint NOT NULL,
    actor bigint NOT NULL,
    at timestamptz NOT NULL
);
