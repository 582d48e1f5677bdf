-- Whether a file's rows are in the rollups' files too. Those written before there were rollups are not, and are merged once more.
alter table files add column rolled_up integer not null default 0;

-- Settings that hold for all, as JSON by name; a name without a row has its default.
create table settings (
    name    text primary key,
    value   text not null,
    changed integer not null
) strict, without rowid;
