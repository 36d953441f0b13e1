use herdbook_filter::{Operator, Value};

use super::{Attribute, Field, Filter, Order, ParseError, field::Aspect};

fn parse_filter(text: &str) -> Result<Option<Filter>, ParseError> {
    super::parse_filter(text)
}

fn parse_order(text: &str) -> Result<Order, ParseError> {
    super::parse_order(text)
}

fn refused(text: &str) -> (usize, String) {
    let error = parse_filter(text).unwrap_err();
    (error.position, error.expected)
}

fn metric(key: &str, aspect: Aspect) -> Field {
    Field::Metric {
        key: key.to_owned(),
        aspect,
    }
}

#[test]
fn and_binds_tighter_than_or_and_not_tighter_than_both() {
    let filter = parse_filter("params.a = 1 or not tags.b = 'x' and metrics.c > -2.5e3").unwrap();
    let Some(Filter::Or(parts)) = filter else {
        panic!("{filter:?}")
    };
    let Filter::And(right) = &parts[1] else {
        panic!("{parts:?}")
    };
    assert!(matches!(right[0], Filter::Not(_)));
    let expected = Filter::Compare {
        field: metric("c", Aspect::Latest),
        operator: Operator::Greater,
        value: Value::Number(-2500.0),
    };
    assert_eq!(right[1], expected);
}

#[test]
fn keys_go_over_dots_slashes_and_quotes() {
    let field = |text: &str| parse_order(text).unwrap().field;
    assert_eq!(
        field("metrics.train/loss.x"),
        metric("train/loss.x", Aspect::Latest)
    );
    assert_eq!(field("metrics.loss.min desc"), metric("loss", Aspect::Min));
    assert_eq!(
        field("metrics.`loss.min`"),
        metric("loss.min", Aspect::Latest)
    );
    assert_eq!(field("params.\"a b\" ASC"), Field::Param("a b".to_owned()));
    assert_eq!(field("params.007 desc"), Field::Param("007".to_owned()));
    assert_eq!(
        field("metrics.5.1e3.loss.min"),
        metric("5.1e3.loss", Aspect::Min)
    );
    assert_eq!(
        field("tags.mlflow.user"),
        Field::Tag("mlflow.user".to_owned())
    );
    assert_eq!(
        field("attributes.status"),
        Field::Attribute(Attribute::Status)
    );
    assert_eq!(field("started_at"), Field::Attribute(Attribute::StartedAt));
}

#[test]
fn texts_may_hold_their_own_quote() {
    let filter = parse_filter("tags.who = 'O''Brien'").unwrap().unwrap();
    let Filter::Compare { value, .. } = filter else {
        panic!("{filter:?}")
    };
    assert_eq!(value, Value::Text("O'Brien".to_owned()));
}

#[test]
fn errors_say_where_and_what_would_be_right() {
    assert_eq!(refused("metrics.acc >"), (14, "a number".to_owned()));
    assert_eq!(refused("metrics.acc > 'high'").0, 15);
    assert_eq!(refused("metrics.acc 0.9").0, 13);
    assert_eq!(refused("(metrics.acc > 0.9"), (19, "\")\"".to_owned()));
    assert_eq!(
        refused("metrics.acc > 0.9 xor tags.a = 'b'"),
        (19, "AND, OR or the end".to_owned())
    );
    assert_eq!(refused("tags.a = 'b").0, 10);
    assert_eq!(refused("wrong = 1").0, 1);
    assert_eq!(refused("tags.a LIKE 3").0, 13);
    assert_eq!(refused("started_at > 'yesterday'").0, 14);
    assert_eq!(refused("params.lr # 3").0, 11);
}

#[test]
fn errors_know_what_was_meant() {
    let said = |text: &str| parse_filter(text).unwrap_err().to_string();
    for (filter, position, hint) in [
        (
            "acc > 0.9",
            1,
            "such as metrics.acc, params.acc or tags.acc, or one of run_id, name",
        ),
        (
            "metrcs.acc > 0.9",
            1,
            "metrics, params, tags, attributes or inputs before the dot",
        ),
        ("attributes.loss > 1", 12, "expected one of run_id, name"),
        (
            "0.9 < metrics.acc",
            1,
            "values stand on the right, found the number 0.9",
        ),
        (
            "metrics.acc > 0.9 && params.lr = 1",
            19,
            "expected AND, found '&'",
        ),
        (
            "params.a = 'x' || params.b = 1",
            16,
            "expected OR, found '|'",
        ),
        ("! metrics.acc > 1", 1, "expected NOT or !="),
        ("params.opt ~ 'x'", 12, "expected an operator (="),
        (
            "params.opt = sgd",
            14,
            "a number, or a text in single quotes, such as 'sgd', found",
        ),
        ("params.lr = null", 13, "(IS NULL finds runs without it)"),
        (
            "metrics.val acc > 1",
            13,
            "a key with spaces stands in backquotes, found \"acc\"",
        ),
        ("metrics. > 1", 10, "a key; one with other characters"),
        (
            "status = 'finshed'",
            10,
            "one of 'SCHEDULED', 'RUNNING', 'FINISHED'",
        ),
        (
            "status in ('running', 3)",
            23,
            "one of 'SCHEDULED', 'RUNNING', 'FINISHED'",
        ),
        (
            "metrics.acc > 1.2.3",
            15,
            "expected a number, found \"1.2.3\"",
        ),
        (
            "metrics.acc in (1 2)",
            19,
            "expected \",\" or \")\", found the number 2",
        ),
        (
            "metrics.acc > 0.90; drop",
            19,
            "expected the end, found ';'",
        ),
        (
            "params.a = 1 params.b = 2",
            14,
            "expected AND, OR or the end, found \"params\"",
        ),
    ] {
        let said = said(filter);
        let place = format!("at character {position}: ");
        assert!(
            said.starts_with(&place) && said.contains(hint),
            "{filter}: {said}"
        );
    }
}

#[test]
fn a_status_is_read_in_any_case_and_a_day_as_its_start() {
    let same = |a: &str, b: &str| assert_eq!(parse_filter(a).unwrap(), parse_filter(b).unwrap());
    same("status = 'finished'", "attributes.status = 'FINISHED'");
    same("status not in ('Failed')", "status not in ('FAILED')");
    parse_filter("started_at >= '2026-03-01' and status like 'F%'").unwrap();
    assert_eq!(refused("started_at > '2026-02-30'").0, 14);
}

#[test]
fn bombs_are_refused() {
    assert!(parse_filter(&"(".repeat(10_000)).is_err());
    assert!(parse_filter(&"not ".repeat(3_000)).is_err());
    let many = vec!["params.a = 1"; 101].join(" or ");
    assert!(
        parse_filter(&many)
            .unwrap_err()
            .expected
            .contains("100 comparisons")
    );
    assert!(parse_filter(&"x".repeat(20_000)).is_err());
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[ -~é\\n]{0,60}") {
        let _ = parse_filter(&text);
        let _ = parse_order(&text);
    }
}
