-- Attempts to log in, by the hash of who tries: shared by all replicas, forgotten after `expires`.
create table attempts (
    key       bytea primary key,
    count     bigint not null,
    last      bigint not null,
    succeeded bigint,
    expires   bigint not null
);
