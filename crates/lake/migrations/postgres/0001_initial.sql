-- Times are microseconds since the epoch, UTC.

create table users (
    id            bigint generated always as identity primary key,
    name          text not null unique,
    role          text not null check (role in ('viewer', 'editor', 'admin')),
    password_hash text not null,
    created       bigint not null,
    disabled      boolean not null default false
);

-- A session is known by the hash of its token only.
create table sessions (
    hash    bytea primary key,
    "user"  bigint not null references users (id) on delete cascade,
    created bigint not null,
    expires bigint not null
);

create index sessions_user on sessions ("user");

create table tokens (
    id        bigint generated always as identity primary key,
    name      text not null unique,
    kind      text not null check (kind in ('api', 'collector')),
    role      text not null check (role in ('viewer', 'editor', 'admin')),
    hash      bytea not null unique,
    created   bigint not null,
    expires   bigint,
    last_used bigint,
    revoked   bigint
);

-- `sequence` is the high-water mark: every batch up to it is committed.
create table collectors (
    id           bytea primary key,
    name         text not null,
    version      text not null,
    first_seen   bigint not null,
    last_seen    bigint not null,
    sequence     bigint not null,
    rows         bigint not null,
    dropped_rows bigint not null
);

-- The newest row of pganalytics_server, by server.
create table servers (
    name                  text primary key,
    first_seen            bigint not null,
    last_seen             bigint not null,
    up                    boolean,
    in_recovery           boolean,
    version_num           bigint,
    version               text,
    system_identifier     text,
    host                  text,
    port                  bigint,
    postmaster_start_time bigint,
    error                 text,
    collector             text
);

-- The history's version: each change of batches or files takes the next one, in the transaction that makes it, and holds this row until
-- it commits; so versions become visible in their order. `compacted`: batches up to this id are in files. `purged`: the highest version
-- at which a file was retired whose row is gone.
create table history (
    one       bigint primary key check (one = 1),
    version   bigint not null,
    compacted bigint not null,
    purged    bigint not null
);

insert into history (one, version, compacted, purged) values (1, 0, 0, 0);

-- Hot batches, as they came, compressed already. Compaction takes all up to an id; ids are never used again.
create table batches (
    id       bigint generated always as identity primary key,
    version  bigint not null,
    received bigint not null,
    body     bytea not null
);

alter table batches alter column body set storage external;
create index batches_version on batches (version);

-- The catalog: a file is live until `retired` is set, and deleted some time after that.
create sequence file_ids;

create table files (
    id              bigint primary key,
    view            text not null,
    date            text not null,
    rows            bigint not null,
    bytes           bigint not null,
    crc32           bigint not null,
    min_ts          bigint not null,
    max_ts          bigint not null,
    min_server      text not null,
    max_server      text not null,
    created         bigint not null,
    retired         bigint,
    added_version   bigint not null,
    retired_version bigint
);

create index files_added on files (added_version);
create index files_retired on files (retired_version) where retired is not null;

-- Who does what must be done by one process only. `fence` grows with each new holder: a change under a lease names it.
create table leases (
    name    text primary key,
    holder  text not null,
    fence   bigint not null,
    expires bigint not null
);

-- History where there is no object store: each object in pieces of one size but the last.
create table objects (
    path     text primary key,
    size     bigint not null,
    modified bigint not null
);

create table object_pieces (
    path  text not null references objects (path) on delete cascade,
    piece bigint not null,
    body  bytea not null,
    primary key (path, piece)
);

alter table object_pieces alter column body set storage external;
