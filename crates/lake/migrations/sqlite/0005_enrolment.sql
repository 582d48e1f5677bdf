-- How a collector is, as its newest batch tells; null where it does not. `dropped_at`: when it last told of rows it had to drop. `lag_ms`:
-- how long that batch had waited. `skew`: its clock ahead of the backend's, microseconds. `revoked`: nothing is taken from it. `forgotten`:
-- not shown unless seen since; the mark stays.
alter table collectors add column started integer;
alter table collectors add column spool_batches integer;
alter table collectors add column spool_bytes integer;
alter table collectors add column targets integer;
alter table collectors add column targets_up integer;
alter table collectors add column last_error text;
alter table collectors add column last_error_at integer;
alter table collectors add column dropped_at integer;
alter table collectors add column lag_ms integer;
alter table collectors add column skew integer;
alter table collectors add column revoked integer;
alter table collectors add column forgotten integer;

-- An enrolment token has its number of uses. To the version before it looks like a collector's, and opens nothing: it knows no such prefix.
alter table tokens add column uses integer;
alter table tokens add column max_uses integer;

-- A collector's own credential, known by its hash only. A new one stands beside the one in use until it is used itself; then that one is
-- `replaced`. `token`: what it was enrolled with, where that was a token.
create table credentials (
    hash      blob primary key,
    collector blob not null,
    token     integer,
    created   integer not null,
    used      integer,
    replaced  integer
) strict, without rowid;

create index credentials_collector on credentials (collector);
