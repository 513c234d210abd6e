use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::gotext;

/// What kubectl would print.
fn printed(template: &str, value: &Value) -> Result<String, JsonPathError> {
    let plain = |value: &Cow<'_, Value>| match value.as_ref() {
        Value::String(text) => text.clone(),
        other => gotext::json(other),
    };
    let lists = Template::parse(template)?.find(value)?;
    let list = |list: &Values| list.iter().map(plain).collect::<Vec<_>>().join(" ");
    Ok(lists.iter().map(list).collect())
}

type Values<'a> = Vec<Cow<'a, Value>>;

fn shop() -> Value {
    json!({
        "name": "shop",
        "labels": {"a.b": "dotted", "web/html": 15, "k8s-app": 20},
        "books": [
            {"title": "one", "price": 8.95, "sold": true, "tags": ["x"]},
            {"title": "two", "price": 12, "sold": false, "tags": ["y", "z"]},
            {"title": "three", "price": 9, "sold": true, "tags": [], "isbn": "1"},
        ],
        "nested": {"deep": {"price": 1}},
        "nothing": null,
    })
}

#[test]
fn what_is_found() {
    for (template, expected) in [
        ("{$}", gotext::json(&shop()).as_str()),
        ("{}", gotext::json(&shop()).as_str()),
        ("{@}", gotext::json(&shop()).as_str()),
        ("{.}", gotext::json(&shop()).as_str()),
        ("plain text", "plain text"),
        ("$.name", "$.name"),
        ("hello {.name}!", "hello shop!"),
        ("{$.name}", "shop"),
        ("{ .name }", "shop"),
        ("{$['name']}", "shop"),
        (r"{.labels.a\.b}", "dotted"),
        (r"{.labels['a\.b']}", "dotted"),
        ("{.labels.web/html}", "15"),
        ("{.labels.k8s-app}", "20"),
        ("{['nested.deep.price']}", "1"),
        ("{.books[0].title}", "one"),
        ("{.books[].title}", "one"),
        ("{.books[-1].title}", "three"),
        ("{.books[0:2].title}", "one two"),
        ("{.books[:2].title}", "one two"),
        ("{.books[1:].title}", "two three"),
        ("{.books[-2:].title}", "two three"),
        ("{.books[:-1].title}", "one two"),
        ("{.books[::2].title}", "one three"),
        ("{.books[1:1].title}", ""),
        ("{.books[*].title}", "one two three"),
        ("{.books.*}", ""),
        ("{.books[0].tags}", r#"["x"]"#),
        ("{.books[*].tags[*]}", "x y z"),
        ("{.books[0,2].title}", "one three"),
        ("{.books[0]['title','price']}", "one 8.95"),
        ("{.books[0]['title', 'price']}", "one 8.95"),
        ("{..price}", "8.95 12 9 1"),
        ("{...price}", "8.95 12 9 1"),
        ("{.nested..price}", "1"),
        ("{.name..}", "shop"),
        ("{.books[?(@.price<9.5)].title}", "one three"),
        ("{.books[?(@.price<=9)].title}", "one three"),
        ("{.books[?(@.price==12)].title}", "two"),
        ("{.books[?(@.price!=12)].title}", "one three"),
        ("{.books[?(@.price > 9)].title}", "two"),
        ("{.books[?(@.price>=9)].title}", "two three"),
        ("{.books[?(@.sold==true)].title}", "one three"),
        (r#"{.books[?(@.title=="two")].price}"#, "12"),
        ("{.books[?(@.title=='two')].price}", "12"),
        ("{.books[?(@.title=~'^t')].title}", "two three"),
        ("{.books[?(@.isbn)].title}", "three"),
        ("{.books[?(@.title==')')].price}", ""),
        ("{.books[?(@.tags[0])].title}", "one two"),
        ("{range .books[*]}{.title}, {end}{.name}", "one, two, three, shop"),
        (r#"{range .books[*]}{.title}{"\t"}{end}"#, "one\ttwo\tthree\t"),
        ("{range .books[*]}{range .tags[*]}{@}{end};{end}", "x;yz;;"),
        ("{range .books[2].tags[*]}{.title}{end}after", "after"),
        ("{range .books[0:1]}{.title}", "one"),
        (r#"{"{"}"#, "{"),
        ("{1}{-2.5}{true}", "1-2.5true"),
        ("{.nothing}", "null"),
        ("{.nothing[0]}", ""),
    ] {
        let expected = if template == "{.books.*}" {
            gotext::json(&shop()["books"]).trim_matches(['[', ']']).replace("},{", "} {")
        } else {
            expected.to_owned()
        };
        assert_eq!(printed(template, &shop()).as_deref(), Ok(expected.as_str()), "{template}");
    }
}

#[test]
fn what_is_an_error() {
    for (template, expected) in [
        ("{.hello}", "a field is not found"),
        ("{.name.x}", "a field is not found"),
        ("{.nothing.x}", "a field is not found"),
        ("{hello}", "unrecognized identifier hello"),
        ("{name.x}", "unrecognized identifier name"),
        ("{.labels[0]}", "the value is not array or slice"),
        ("{.books[3]}", "array index out of bounds: index 3, length 3"),
        ("{.books[-4]}", "array index out of bounds: index -1, length 3"),
        ("{.books[0:4]}", "array index out of bounds: index 4, length 3"),
        ("{.books[2:1]}", "starting index 2 is greater than ending index 1"),
        ("{.books[::0]}", "step must be > 0"),
        ("{.books[::-1]}", "step must be > 0"),
        ("{.books[x]}", "invalid array index x"),
        ("{.books[1:2:3:4]}", "invalid array index 1:2:3:4"),
        ("{.books[99999999999999999999]}", "invalid array index 99999999999999999999"),
        ("{.books[0}", "unterminated array"),
        ("{.books", "unclosed action"),
        ("{.books\n}", "unclosed action"),
        ("{#}", "unrecognized character in action: '#'"),
        ("{....price}", "invalid multiple recursive descent"),
        ("{'a}", "unterminated quoted string"),
        (r#"{"\q"}"#, r"unknown escape \q in a quoted string"),
        ("{1.2.3}", "cannot parse number 1.2.3"),
        ("{.books[?(@.price<>9)]}", "unrecognized filter operator <>"),
        ("{.books[?(@.price==9)}", "unclosed array expect ]"),
        ("{.books[?(@.price==9]}", "unterminated filter"),
        ("{.books[?(@.isbn=='1')]}", "a field is not found"),
        ("{.books[?(@.price=='9')]}", "incompatible types for comparison"),
        ("{.books[?(@.sold<true)]}", "incompatible types for comparison"),
        ("{.books[?(@.tags[*]=='y')]}", "can only compare one element at a time"),
        ("{.books[?(@.price=~'9')]}", "=~ compares texts only"),
        ("{.books[?(@.title=~'(')]}", "what =~ compares with is not a regular expression"),
        ("{.labels[?(@.x)]}", "only a list can be filtered"),
        ("{end}", "not in range, nothing to end"),
        ("{range .books[*]}{end}{end}", "not in range, nothing to end"),
    ] {
        assert_eq!(printed(template, &shop()), error(expected), "{template}");
    }
}

#[test]
fn the_first_value_counts() {
    let first = |template: &str| {
        Template::parse(template).unwrap().first(&shop()).unwrap().map(Cow::into_owned)
    };
    assert_eq!(first("{.books[2].tags[*]}{.name}"), Some(json!("shop")));
    assert_eq!(first("{.books[2].tags[*]}"), None);
    assert_eq!(first("{.books[*].price}"), Some(json!(8.95)));
}

#[test]
fn what_it_costs_is_bounded() {
    let many = Value::from(vec![json!({"a": [1, 2, 3]}); 5000]);
    for template in
        [&"{..}".repeat(200), &"{[*]['a','a','a','a','a','a']}".repeat(100), &"{..a}".repeat(800)]
    {
        assert!(printed(template, &many).is_err(), "{template}");
    }
    assert!(Template::parse(&"x".repeat(SOURCE_BYTES_MAX + 1)).is_err());
    assert!(Template::parse(&"{range .a}".repeat(DEPTH_MAX + 2)).is_err());
    let product = "{range [*]}{range [*]}{range [*]}{@}{end}{end}{end}";
    assert!(
        printed(
            product,
            &Value::from(vec![Value::from(vec![Value::from(vec![0; 200]); 200]); 200])
        )
        .is_err()
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[ab]", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_panics(template in "\\PC{0,80}", value in any_json()) {
        let _ = printed(&template, &value);
    }

    #[test]
    fn no_template_panics(
        parts in prop::collection::vec(prop::sample::select(vec![
            "{", "}", ".", "..", "a", "b", "*", "[", "]", "[0]", "[-1]", "[:]", "[1:-1]", "['a']", "['a','b']",
            "[?(", ")]", "@", "$", "==", "<", "=~", "1", "-", "'", "\"", "\\", "range ", "end", " ", ",", "{end}", "{range ", "é",
        ]), 0..24),
        value in any_json(),
    ) {
        let _ = printed(&parts.concat(), &value);
        let _ = printed(&format!("{{{}}}", parts.concat()), &value);
    }
}
