-- Rows whose times were moved to the backend's clock, because the collector's clock was wrong: how many, and when the last of them came.
alter table collectors add column moved_rows bigint not null default 0;
alter table collectors add column moved_at bigint;

-- The shared token that a collector's newest batch came with. While that token is valid, no other shared token may ship for the collector.
alter table collectors add column token bigint;

-- Rows of views that the backend which compacted did not know, as batches of one view each. A backend that knows the view takes them back.
create table set_aside (
    id       bigint generated always as identity primary key,
    view     text not null,
    received bigint not null,
    rows     bigint not null,
    bytes    bigint not null,
    body     bytea not null
);

create index set_aside_view on set_aside (view);
