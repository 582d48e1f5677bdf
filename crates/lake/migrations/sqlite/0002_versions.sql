-- The history's version: each change of batches or files takes the next one, in the transaction that makes it. A process that knows
-- the history up to a version finds what came after it. `compacted`: batches up to this id are in files. `purged`: the highest version
-- at which a file was retired whose row is gone.
create table history (
    one       integer primary key check (one = 1),
    version   integer not null,
    compacted integer not null,
    purged    integer not null
) strict;

insert into history (one, version, compacted, purged) values (1, 0, 0, 0);

alter table batches add column version integer not null default 0;
alter table files add column added_version integer not null default 0;
alter table files add column retired_version integer;

-- Who does what must be done by one process only. `fence` grows with each new holder: a change under a lease names it.
create table leases (
    name    text primary key,
    holder  text not null,
    fence   integer not null,
    expires integer not null
) strict, without rowid;
