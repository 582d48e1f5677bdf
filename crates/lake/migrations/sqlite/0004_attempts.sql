-- Attempts to log in, by the hash of who tries: shared by all replicas, forgotten after `expires`.
create table attempts (
    key       blob primary key,
    count     integer not null,
    last      integer not null,
    succeeded integer,
    expires   integer not null
) strict, without rowid;
