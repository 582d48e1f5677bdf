-- Times are microseconds since the epoch, UTC. Booleans are 0 or 1.

create table users (
    id            integer primary key,
    name          text not null unique,
    role          text not null check (role in ('viewer', 'editor', 'admin')),
    password_hash text not null,
    created       integer not null,
    disabled      integer not null default 0
) strict;

-- A session is known by the hash of its token only.
create table sessions (
    hash    blob primary key,
    user    integer not null references users (id) on delete cascade,
    created integer not null,
    expires integer not null
) strict, without rowid;

create index sessions_user on sessions (user);

create table tokens (
    id        integer primary key,
    name      text not null unique,
    kind      text not null check (kind in ('api', 'collector')),
    role      text not null check (role in ('viewer', 'editor', 'admin')),
    hash      blob not null unique,
    created   integer not null,
    expires   integer,
    last_used integer,
    revoked   integer
) strict;

-- `sequence` is the high-water mark: every batch up to it is committed.
create table collectors (
    id           blob primary key,
    name         text not null,
    version      text not null,
    first_seen   integer not null,
    last_seen    integer not null,
    sequence     integer not null,
    rows         integer not null,
    dropped_rows integer not null
) strict, without rowid;

-- The newest row of pganalytics_server, by server.
create table servers (
    name                  text primary key,
    first_seen            integer not null,
    last_seen             integer not null,
    up                    integer,
    in_recovery           integer,
    version_num           integer,
    version               text,
    system_identifier     text,
    host                  text,
    port                  integer,
    postmaster_start_time integer,
    error                 text,
    collector             text
) strict, without rowid;

-- Hot batches, as they came. Compaction takes all up to an id; ids are never used again.
create table batches (
    id       integer primary key autoincrement,
    received integer not null,
    body     blob not null
) strict;

-- The catalog: a file is live until `retired` is set, and deleted some time after that.
create table files (
    id         integer primary key autoincrement,
    view       text not null,
    date       text not null,
    rows       integer not null,
    bytes      integer not null,
    crc32      integer not null,
    min_ts     integer not null,
    max_ts     integer not null,
    min_server text not null,
    max_server text not null,
    created    integer not null,
    retired    integer
) strict;

create index files_live on files (view, date) where retired is null;
create index files_retired on files (retired) where retired is not null;
