//! Statements of every kind, with values that must not leave the host.

/// The statements. `TEXT`, `NUMBER` and `NAME` become values that occur nowhere else. Some statements fail, which is why their values are logged.
const STATEMENTS: &[&str] = &[
    // Literals of every kind.
    "select 'TEXT', NUMBER",
    "select E'it\\'s TEXT', U&'\\0061TEXT', B'0101', X'NUMBER', N'TEXT'",
    "select $$TEXT$$ || $q$ it's TEXT $q$",
    "select date '2031-04-07', interval 'NUMBER seconds', '{\"a\": \"TEXT\"}'::jsonb, array[NUMBER, 1.5e-3]",
    "select set_config('app.q', 'TEXT', false)",
    "/* from TEXT */ select 1 -- NUMBER NAME",
    "values ('TEXT', NUMBER)",
    "with c as (select 'TEXT' as a) select count(*) from c where a <> 'x' and NUMBER > 0",
    // Rows.
    "insert into t (a, b) values (NUMBER, 'TEXT')",
    "update t set b = 'TEXT' where a = NUMBER",
    "delete from t where b = 'TEXT' or a = NUMBER",
    "merge into t using (select NUMBER::bigint as a) as s on t.a = s.a when matched then update set b = 'TEXT'",
    // Statements that pg_stat_statements keeps as they are, or kept so in older versions.
    "call p(NUMBER, 'TEXT')",
    "do $$ begin perform 'TEXT'; execute 'select NUMBER'; end $$",
    "set app.tenant = 'TEXT'",
    "set app.tenant = NAME",
    "set session app.tenant to NUMBER",
    "begin; set local app.tenant to \"TEXT\"; commit",
    "alter role r set app.x = NAME",
    "alter role r password 'TEXT' valid until '2031-01-01' connection limit 7",
    "alter database postgres set app.y to 'TEXT'",
    "alter system set cluster_name = NAME",
    "create foreign data wrapper w options (a 'TEXT')",
    "create server s foreign data wrapper w options (host 'TEXT')",
    "create user mapping for r server s options (user 'TEXT', password 'NUMBER')",
    "create table d (a bigint default NUMBER, b text default 'TEXT' check (b <> 'TEXT'))",
    "alter table d alter b set default 'TEXT', alter a set default NUMBER",
    "create table p1 partition of parts for values from (NUMBER) to (maxvalue)",
    "create index on t (b) where b = 'TEXT'",
    "create policy mine on t using (b = 'TEXT')",
    "create trigger g before insert on t for each row when (new.b = 'TEXT') execute function g()",
    "create type e as enum ('TEXT')",
    "create view v as select 'TEXT' as a, NUMBER as b",
    "create function f() returns text language sql set app.x = NAME as $$ select 'TEXT' $$",
    "comment on table t is 'TEXT'",
    "copy t (b) from program 'echo TEXT'",
    "copy t to program 'cat > /dev/null # TEXT'",
    "prepare q (text) as select $1, 'TEXT'; execute q ('NUMBER'); deallocate q",
    "begin; declare c cursor for select 'TEXT', NUMBER; fetch all from c; commit",
    "listen channel; notify channel, 'TEXT'",
    "explain select 'TEXT', NUMBER",
    "prepare transaction 'TEXT'",
    // Errors whose messages, details and contexts have values.
    "select 'TEXT'::int",
    "select * from t where \"TEXT\" = NUMBER",
    "select * from \"TEXT\"",
    "insert into u values (NUMBER); insert into u values (NUMBER)",
    "insert into n (b) values ('TEXT')",
    "selec 'TEXT', NUMBER",
    "select 'TEXT not closed, NUMBER",
    "do $$ begin raise log 'NAME bought TEXT'; raise warning 'customer % is %', NUMBER, 'TEXT'; end $$",
    "do $$ begin raise exception 'NAME' using errcode = 'unique_violation', detail = 'TEXT', hint = 'NUMBER'; end $$",
    "do $$ begin raise exception 'duplicate key value violates unique constraint \"TEXT NAME\"' using errcode = '23505'; end $$",
    "do $$ begin raise log E'first NAME\\nERROR:  relation \"TEXT\" does not exist\\nNUMBER'; end $$",
    "select fails('TEXT')",
    // Long enough to be sampled.
    "select pg_sleep(1.2), 'TEXT' /* NAME */",
];

/// What the statements need.
pub(super) const OBJECTS: &str = "
    create extension pg_stat_statements;
    create table t (a bigint, b text); create table parts (a bigint) partition by range (a);
    create table u (a bigint primary key); create table n (a bigint not null, b text);
    create role r login;
    create procedure p(bigint, text) language sql as $$ select $$;
    create function g() returns trigger language plpgsql as $$ begin return new; end $$;
    create function fails(text) returns int language plpgsql as $$ begin return $1::int; end $$;
    create table the_last_table (a int)";

/// A statement, and the values in it.
pub(super) struct Kind {
    pub sql: String,
    pub values: Vec<String>,
}

/// A number in letters: a name without digits could be taken for a word.
fn letters(number: usize) -> String {
    format!("{number:02}").bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
}

/// All statements with their values.
pub(super) fn kinds() -> impl Iterator<Item = Kind> {
    STATEMENTS.iter().enumerate().map(|(at, sql)| {
        let values = [
            ("TEXT", format!("CanaryText{at:02}")),
            ("NUMBER", format!("4711{at:02}0815")),
            ("NAME", format!("canary_name_{}", letters(at))),
        ];
        let values: Vec<_> = values.into_iter().filter(|(placeholder, _)| sql.contains(placeholder)).collect();
        let sql = values.iter().fold((*sql).to_owned(), |sql, (placeholder, value)| sql.replace(placeholder, value));
        Kind { sql, values: values.into_iter().map(|(_, value)| value).collect() }
    })
}
