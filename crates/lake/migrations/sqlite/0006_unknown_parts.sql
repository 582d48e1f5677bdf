-- Rows whose times were moved to the backend's clock, because the collector's clock was wrong: how many, and when the last of them came.
alter table collectors add column moved_rows integer not null default 0;
alter table collectors add column moved_at integer;

-- The shared token that a collector's newest batch came with. While that token is valid, no other shared token may ship for the collector.
alter table collectors add column token integer;

-- Rows of views that the backend which compacted did not know, as batches of one view each. A backend that knows the view takes them back.
create table set_aside (
    id       integer primary key autoincrement,
    view     text not null,
    received integer not null,
    rows     integer not null,
    bytes    integer not null,
    body     blob not null
) strict;

create index set_aside_view on set_aside (view);
