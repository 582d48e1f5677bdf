//! Statements that are known to take gigabytes or minutes if nothing bounds them.

use std::time::Duration;

use super::{in_a_process, is_fair, rest, world};

#[test]
fn known_attacks_end_with_an_error_and_the_process_survives() {
    in_a_process("statements::known");
}

#[tokio::test]
#[ignore = "runs in a process of its own, started by known_attacks_end_with_an_error_and_the_process_survives"]
async fn known() {
    let world = world(Duration::from_secs(3)).await;
    for sql in attacks() {
        let outcome = world.query(&sql).await;
        let shown: String = sql.chars().take(300).collect();
        assert!(is_fair(&outcome), "{shown}: {:?}", outcome.map(|text| text.len()));
        assert_eq!(world.one("select 1").await, "1", "after {shown}");
        rest(&world).await;
    }
}

fn attacks() -> Vec<String> {
    let many = |count: usize, item: &dyn Fn(usize) -> String| (0..count).map(item).collect::<Vec<_>>().join(", ");
    let mut attacks: Vec<String> = [
        // Windows over many rows.
        "select sum(value) over () from generate_series(1, 100000000) limit 1",
        "select count(*) from (select sum(value) over (order by value) as s from generate_series(1, 100000000))",
        "select count(*) from (select lead(value, 99999) over (order by value) as s from generate_series(1, 100000000))",
        "select lead(value, 90000000) over (order by value) from generate_series(1, 100000000) limit 1",
        "select lag(value, 90000000) over (order by value) from generate_series(1, 100000000) limit 1",
        "select max(value) over (order by value rows between 90000000 preceding and current row) from generate_series(1, 100000000) limit 1",
        "select max(value) over (order by value range between 90000000 preceding and current row) from generate_series(1, 100000000) limit 1",
        "select ntile(7) over (order by value desc) from generate_series(1, 100000000) limit 1",
        "select percent_rank() over (partition by value % 3 order by value) from generate_series(1, 100000000) limit 1",
        "select array_agg(value) over (order by value) from generate_series(1, 1000000)",
        "select string_agg('x', ',') over (order by value) from generate_series(1, 1000000)",
        "select percentile_cont(0.5) within group (order by value) over () from generate_series(1, 1000000)",
        "select sum(distinct value) over (order by value) from generate_series(1, 1000000)",
        "select count(distinct value) over (order by value rows between 10 preceding and unbounded following) from generate_series(1, 300000)",
        "select first_value(s) over () from (select string_agg('xxxxxxxx', '') as s from generate_series(1, 100000)), generate_series(1, 100000)",
        // Aggregates that keep every row.
        "select percentile_cont(0.5) within group (order by value) from generate_series(1, 1000000000)",
        "select count(distinct value) from generate_series(1, 1000000000)",
        "select array_agg(distinct value order by value) from generate_series(1, 1000000000)",
        "select value, array_agg(value) from generate_series(1, 1000000000) group by value",
        "select first_value(value order by value desc), nth_value(value, 900000000 order by value) from generate_series(1, 1000000000)",
        "select string_agg(distinct cast(value as text), ',') from generate_series(1, 1000000000)",
        "select approx_distinct(value), value % 1000000 from generate_series(1, 1000000000) group by 2",
        "select corr(value, value), value % 10000000 from generate_series(1, 1000000000) group by 2",
        "select count(*) from generate_series(1, 1000000000) group by cube (value % 7, value % 11, value % 13, value % 17, value % 19, value % 23)",
        // Copies of wide rows.
        "select * from (select array_agg(value) as a from generate_series(1, 1000000)), generate_series(1, 100000)",
        "select count(x.s) from (select string_agg('xxxxxxxx', '') as s from generate_series(1, 1000000)) x, generate_series(1, 100000) y",
        "select a.l, b.value from (select value % 2 as k, array_agg(value) as l from generate_series(1, 1000000) group by 1) a \
         join generate_series(1, 1000000) b on a.k = b.value % 2",
        "select (select string_agg('xxxxxxxx', '') from generate_series(1, 1000000)), value from generate_series(1, 100000)",
        "select (select array_agg(value) from generate_series(1, 1000000)), value from generate_series(1, 100000)",
        "select unnest(l), l from (select array_agg(value) as l from generate_series(1, 1000000))",
        "select unnest(l), s from (select array_agg(value) as l, string_agg('xxxxxxxx', '') as s from generate_series(1, 100000))",
        "select s, s || s, s || s || s from (select repeat('x', 1000000) as s from generate_series(1, 1000))",
        // Joins and recursions.
        "select count(*) from generate_series(1, 1000000) a, generate_series(1, 1000000) b, generate_series(1, 1000000) c where a.value + b.value = c.value",
        "select * from generate_series(1, 100000000) a full join generate_series(1, 100000000) b on a.value > b.value limit 10",
        "select count(*) from generate_series(1, 100000000) a left join generate_series(1, 100000000) b on a.value = b.value",
        "select count(*) from generate_series(1, 3000000) a join generate_series(1, 3000000) b on a.value % 2 = b.value % 2",
        "with recursive n as (select 1 as i union all select i + 1 from n) select count(*) from n",
        "with recursive n as (select 1 as i union all select a.i + 1 from n a cross join generate_series(1, 1000)) select count(*) from n",
        "with recursive n as (select 'x' as s union all select s || s from n) select max(length(s)) from n",
        "select value from generate_series(1, 100000000) union select value from generate_series(1, 100000000)",
        "select value from generate_series(1, 100000000) order by value % 1000003, value limit 90000000",
        "select distinct value from generate_series(1, 1000000000)",
        "select * from generate_series(1, 9223372036854775807, 1) order by value desc",
        "select * from generate_series(timestamp '0001-01-01', timestamp '9999-12-31', interval '1 microsecond') order by 1 desc limit 1",
        "select count(*) from (select value from generate_series(1, 100) order by value desc limit 1000000000000)",
        "select count(*) from (select value, max(value) as m from generate_series(1, 100) group by 1 order by m desc limit 1000000000000)",
        "select value, max(value) from generate_series(1, 100) group by 1 order by 2 desc limit 1000000000000",
        "select distinct value from generate_series(1, 100) order by value desc limit 1000000000000",
        "select count(*) from (select value from generate_series(1, 1000000000) order by value desc limit 100000000)",
        "select unnest(unnest(l)), repeat('x', 10000) from (select array_agg(l) as l from \
         (select array_agg(value) as l from generate_series(1, 1000000) group by value % 1000))",
        "select value from generate_series(1, 10) limit 9223372036854775807 offset 9223372036854775807",
        // Texts and patterns.
        "select regexp_replace(s, '(a*)*(b*)*', '\\1\\1\\1\\1', 'g') from (select repeat('ab', 7000) as s from generate_series(1, 8192))",
        "select regexp_match(s, '((((((((((a))))))))))*') from (select repeat('a', 16000) as s from generate_series(1, 8192))",
        "select count(*) from (select repeat('ab', cast(value % 8000 as bigint)) as s from generate_series(1, 8192)) where s ~ '(a|ab)*[ab]{900}c'",
        "select count(*) from (select repeat('ab', cast(value % 8000 as bigint)) as s from generate_series(1, 8192)) where s like '%a%b%a%b%a%b%a%bc'",
        "select sum(regexp_count('x', '(\\w{1,90}){1,' || (value % 90 + 1) || '}')) from generate_series(1, 8192)",
        "select count(*) from generate_series(1, 8192) where 'x' ~ ('(\\w{1,90}){1,' || (value % 90 + 1) || '}')",
        "select lpad(repeat('x', 1000), 2147483647, repeat('y', 1000))",
        "select replace(s, '', s) from (select repeat('x', 10000) as s from generate_series(1, 8192))",
        "select translate(s, s, reverse(s)) from (select repeat('xyz', 5000) as s from generate_series(1, 8192))",
        "select split_part(s, 'x', 9223372036854775807) from (select repeat('x', 16000) as s from generate_series(1, 8192))",
        "select strpos(s, s || 'y') from (select repeat('é', 8000) as s from generate_series(1, 8192))",
        "select to_char(ts, repeat('YYYY', 1000)) from pg_stat_statements",
        "select encode(cast(s as bytea), 'hex') from (select repeat('x', 16000) as s from generate_series(1, 8192))",
        "select date_bin(interval '1 nanosecond', ts, timestamp '0001-01-01') from pg_stat_statements",
        "select factorial(20), power(10, 308), chr(1114111), gcd(9223372036854775807, 2)",
    ]
    .map(str::to_owned)
    .into();
    // Many calls, many constants, many columns.
    attacks.push(format!(
        "select {} from generate_series(1, 100000)",
        many(100, &|n| format!("repeat('x', cast(value % 2 + 16000 - {n} as bigint))"))
    ));
    attacks.push(format!("select {} from generate_series(1, 100000)", many(300, &|n| format!("repeat('x', {})", 8_000 - n))));
    attacks
        .push(format!("explain verbose select {} from generate_series(1, 100000)", many(300, &|n| format!("repeat('x', {})", 8_000 - n))));
    attacks.push(format!("select '{}' as a, value from generate_series(1, 1000000)", "x".repeat(250_000)));
    attacks.push(format!("select {} from generate_series(1, 1000000) order by 1", many(600, &|n| format!("value + {n}"))));
    attacks.push(format!("select count(*) from {}", many(40, &|n| format!("generate_series(1, 1000) t{n}"))));
    attacks.push(format!("select {} from generate_series(1, 100000000)", many(100, &|n| format!("count(distinct value + {n})"))));
    attacks.push(format!("select {} from generate_series(1, 100000000) limit 1", many(40, &|n| format!("sum(value + {n}) over ()"))));
    attacks.push(format!("select 1 where 1 in ({})", many(2_000, &|n| n.to_string())));
    attacks
}
