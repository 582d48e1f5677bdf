-- Run by the owner of the database `app`, who is no superuser: objects with the names of the catalog's, which tell when they run.
create schema evil;
grant usage on schema evil to public;
create function evil.trap() returns boolean language plpgsql as $$
begin
    raise warning 'the owner''s code ran as %', current_user;
    return true;
end $$;

do $$
declare
    f record;
begin
    -- Functions and operators. Polymorphic ones and those of internal types cannot be made by an owner.
    for f in
        select p.oid, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid) as arguments,
               pg_catalog.format_type(p.prorettype, null) as result, p.pronargs
        from pg_catalog.pg_proc p join pg_catalog.pg_type r on r.oid = p.prorettype
        where p.prokind = 'f' and not p.proretset and r.typtype = 'b' and p.provariadic = 0 and p.proargmodes is null
          and (p.proname ~ '^(pg_|current_|has_|quote_|host$|inet_|version$|age$|mxid_age$|left$|octet_length$|statement_timestamp$)'
               or p.proname ~ '^(clock_timestamp|regexp_replace|set_config|getdatabaseencoding|extract)')
          and not exists (
              select from pg_catalog.unnest(p.proargtypes) a (t) join pg_catalog.pg_type t on t.oid = a.t where t.typtype = 'p'
          )
    loop
        execute pg_catalog.format(
            'create function evil.%I(%s) returns %s language plpgsql as ''begin perform evil.trap(); return null; end''',
            f.proname, f.arguments, f.result
        );
    end loop;
    for f in
        select o.oid, o.oprname, pg_catalog.format_type(o.oprleft, null) as l, pg_catalog.format_type(o.oprright, null) as r,
               pg_catalog.format_type(o.oprresult, null) as result
        from pg_catalog.pg_operator o
        join pg_catalog.pg_type l on l.oid = o.oprleft join pg_catalog.pg_type r on r.oid = o.oprright
        where l.typtype = 'b' and r.typtype = 'b'
          and o.oprname in ('=', '<>', '<', '<=', '>', '>=', '+', '-', '*', '/', '||', '~', '!~', '~*', '~~', '!~~')
    loop
        execute pg_catalog.format(
            'create function evil.operator_%s(l %s, r %s) returns %s language plpgsql as ''begin perform evil.trap(); return null; end''',
            f.oid, f.l, f.r, f.result
        );
        execute pg_catalog.format(
            'create operator evil.%s (leftarg = %s, rightarg = %s, function = evil.operator_%s)', f.oprname, f.l, f.r, f.oid
        );
    end loop;
    -- Types of the same names: a cast to them runs their check.
    for f in
        select t.typname from pg_catalog.pg_type t
        where t.typname in ('text', 'int8', 'float8', 'oid', 'xid', 'name', 'pg_lsn', 'regclass', 'timestamptz')
    loop
        execute pg_catalog.format('create domain evil.%I as pg_catalog.%I check (evil.trap())', f.typname, f.typname);
    end loop;
    -- Relations of the same names.
    for f in
        select c.relname from pg_catalog.pg_class c
        where c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace and c.relkind in ('r', 'v')
          and c.relname in ('pg_class', 'pg_database', 'pg_namespace', 'pg_extension', 'pg_settings', 'pg_stat_activity', 'pg_stat_ssl',
                            'pg_stat_database', 'pg_stat_wal', 'pg_index', 'pg_locks', 'pg_roles', 'pg_inherits', 'pg_stat_bgwriter')
    loop
        execute pg_catalog.format('create view evil.%I as select * from pg_catalog.%I where evil.trap()', f.relname, f.relname);
        execute pg_catalog.format('grant select on evil.%I to public', f.relname);
    end loop;
end $$;

-- The owner may add functions of the same name to the extension's schema, if the schema is hers.
create function public.pg_stat_statements(showtext text default 'a') returns setof pg_catalog.text language sql as 'select evil.trap()::pg_catalog.text';
create function public.pg_stat_statements_info(a int default 1) returns pg_catalog.text language sql as 'select evil.trap()::pg_catalog.text';

alter database app set search_path = evil, pg_catalog, public;
alter database app set default_transaction_read_only = off;
alter database app set default_transaction_isolation = 'serializable';
alter database app set default_transaction_deferrable = on;
alter database app set row_security = off;
alter database app set standard_conforming_strings = off;
alter database app set escape_string_warning = off;
alter database app set extra_float_digits = -15;
alter database app set statement_timeout = '1d';
alter database app set idle_in_transaction_session_timeout = 0;
alter database app set jit_above_cost = 0;
alter database app set bytea_output = 'escape';
alter database app set quote_all_identifiers = on;
alter database app set transform_null_equals = on;
alter database app set role = 'owner';
