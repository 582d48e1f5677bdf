-- How a collector is, as its newest batch tells; null where it does not. `dropped_at`: when it last told of rows it had to drop. `lag_ms`:
-- how long that batch had waited. `skew`: its clock ahead of the backend's, microseconds. `revoked`: nothing is taken from it. `forgotten`:
-- not shown unless seen since; the mark stays.
alter table collectors add column started bigint;
alter table collectors add column spool_batches bigint;
alter table collectors add column spool_bytes bigint;
alter table collectors add column targets bigint;
alter table collectors add column targets_up bigint;
alter table collectors add column last_error text;
alter table collectors add column last_error_at bigint;
alter table collectors add column dropped_at bigint;
alter table collectors add column lag_ms bigint;
alter table collectors add column skew bigint;
alter table collectors add column revoked bigint;
alter table collectors add column forgotten bigint;

-- An enrolment token has its number of uses. To the version before it looks like a collector's, and opens nothing: it knows no such prefix.
alter table tokens add column uses bigint;
alter table tokens add column max_uses bigint;

-- A collector's own credential, known by its hash only. A new one stands beside the one in use until it is used itself; then that one is
-- `replaced`. `token`: what it was enrolled with, where that was a token.
create table credentials (
    hash      bytea primary key,
    collector bytea not null,
    token     bigint,
    created   bigint not null,
    used      bigint,
    replaced  bigint
);

create index credentials_collector on credentials (collector);
