use super::*;

fn document(title: &str) -> Value {
    json!({
        "@timestamp": "2026-11-23T17:58:04.000Z",
        "severity_id": 5,
        "message": format!("why {title}"),
        "start_time": 1_795_456_384_000_i64,
        "end_time": 1_795_457_164_000_i64,
        "count": 14,
        "finding_info": {
            "uid": "4d7d8a32c75ff4bd1718fede3b5ebae1", "title": title, "analytic": {"uid": "rule-1"},
            "attacks": [{"tactic": {"name": "Credential Access"}}],
        },
        "resources": [{"uid": "arn:aws:iam::111122223333:role/x", "owner": {"org": {"ou_name": "payments"}}}],
        "tidegate": {
            "kind": "correlation", "accounts": ["111122223333"], "regions": ["us-east-1"], "environments": ["prod"], "owners": ["soc"],
        },
    })
}

const ALERT: &str = "4d7d8a32c75ff4bd1718fede3b5ebae1";
const ALL: Marks = Marks { repeated: true, second: true, test: false };

fn forms(message: &Message) -> Value {
    serde_json::from_str(&message.body).expect("a JSON object")
}

fn machine(message: &Message) -> Value {
    let body = forms(message);
    serde_json::from_str(if message.structured { body["sqs"].as_str().expect("text") } else { &message.body }).expect("JSON")
}

#[test]
fn each_protocol_gets_its_form() {
    let message = of_page(&document("Keys used from two places"), ALERT, false, Marks::default());
    assert_eq!(message.subject.as_deref(), Some("[CRITICAL] Keys used from two places"));
    assert!(message.structured && message.order.is_none());
    let body = forms(&message);
    let keys: Vec<&str> = body.as_object().expect("object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["default", "email", "sms", "http", "https", "sqs", "lambda"]);
    assert!(body["default"].as_str().expect("text").starts_with("[CRITICAL] Keys used from two places\n\nWhy: why Keys"));
    assert_eq!(body["sms"], "[CRITICAL] why Keys used from two places");
    let event = machine(&message);
    assert_eq!((&event["dedup_key"], &event["event_action"]), (&ALERT.into(), &"trigger".into()));
    assert_eq!(event["payload"]["severity"], "critical");
    let names: Vec<&str> = message.attributes.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["severity", "rule_id", "account", "region", "ou", "environment", "owner", "tactic"]);
}

#[test]
fn what_is_not_there_is_no_attribute_and_marks_are_in_every_form() {
    let mut bare = document("t");
    bare["tidegate"] = json!({"kind": "correlation"});
    bare["resources"] = json!([]);
    let names: Vec<&str> = of_page(&bare, ALERT, false, Marks::default()).attributes.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["severity", "rule_id", "tactic"]);
    let message = of_page(&document("t"), ALERT, false, ALL);
    assert_eq!(message.attributes.len(), ATTRIBUTES_MAX);
    assert!(message.attributes.ends_with(&[("repeated", "true".to_owned()), ("channel", "second".to_owned())]));
    let details = &machine(&message)["payload"]["custom_details"];
    assert_eq!((&details["repeated"], &details["channel"]), (&true.into(), &"second".into()));
    let body = forms(&message);
    assert_eq!(body["sms"], "2nd channel again [CRITICAL] why t");
    let text = body["email"].as_str().expect("text");
    assert!(
        text.starts_with("[CRITICAL] t\nThis page comes by the second channel: the first takes none.\nThis page may have come"),
        "{text}"
    );
    assert!(text.contains("alert.\n\nWhy: why t\n"), "{text}");
}

#[test]
fn a_fifo_topic_gets_the_json_and_ids_it_can_take() {
    let message = of_page(&document("t"), ALERT, true, ALL);
    assert!(!message.structured && message.subject.is_none());
    assert_eq!(message.order, Some(Order { deduplication: ALERT.to_owned(), group: "111122223333".to_owned() }));
    assert_eq!(machine(&message)["payload"]["custom_details"]["repeated"], true);
    let first = of_page(&document("t"), ALERT, true, Marks::default());
    assert_eq!(first.order, message.order, "the same alert, whatever is marked: a repetition is dropped");
    let mut hostile = document("t");
    hostile["tidegate"]["accounts"][0] = "a b\n\u{202e}".into();
    let order = of_page(&hostile, &"x".repeat(129), true, Marks::default()).order.expect("ids");
    assert!([&order.group, &order.deduplication].into_iter().all(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())));
    hostile["tidegate"]["accounts"] = Value::Null;
    assert_eq!(of_page(&hostile, ALERT, true, Marks::default()).order.expect("ids").group, "none");
}

#[test]
fn whatever_an_event_says_a_page_is_small_and_plain() {
    let hostile = ["\u{1b}[2J\r\nSubject: x", "https://evil.example/", "\u{202e}\u{0}", "日本語の警告", "\"}],\"default\":\"x"];
    for text in hostile.map(|h| h.repeat(3_000)) {
        let mut document = document(&text);
        for list in ["accounts", "regions", "owners", "environments", "principals", "source_ips", "false_positives"] {
            document["tidegate"][list] = vec![text.clone(); 500].into();
        }
        document["resources"] = vec![json!({"uid": text, "owner": {"org": {"ou_name": text}}}); 500].into();
        for (fifo, marks) in [(false, ALL), (true, ALL), (false, Marks::default())] {
            let message = of_page(&document, ALERT, fifo, marks);
            assert!(message.bytes() <= BYTES_MAX, "{} bytes", message.bytes());
            assert_eq!(machine(&message)["dedup_key"], ALERT);
            let subject = message.subject.clone().unwrap_or_else(|| "x".to_owned());
            assert!(subject.len() < 100 && subject.bytes().all(|b| (b' '..=b'~').contains(&b)), "{subject}");
            assert!(message.attributes.len() <= ATTRIBUTES_MAX);
            for (name, value) in &message.attributes {
                assert!(!value.is_empty() && !value.contains(|c: char| c.is_control()), "{name}: {value}");
            }
            if message.structured {
                let body = forms(&message);
                assert_eq!(body.as_object().expect("object").len(), 7, "no key was smuggled in");
                let (sms, mail) = (body["sms"].as_str().expect("text"), body["email"].as_str().expect("text"));
                assert!(sms.chars().count() <= 140, "{sms}");
                assert!(!mail.contains("https://evil") && !mail.contains(['\u{1b}', '\r', '\u{202e}']), "{mail:.200}");
            }
        }
    }
}

#[test]
fn a_text_message_is_cut_within_its_alphabet() {
    let mut long = document("t");
    long["message"] = "w".repeat(300).into();
    let sms = forms(&of_page(&long, ALERT, false, ALL))["sms"].as_str().expect("text").to_owned();
    assert!(sms.ends_with("w...") && sms.chars().count() == 140 && sms.is_ascii(), "{sms}");
}

#[test]
fn what_is_too_large_is_cut_to_the_least_and_still_names_the_alert() {
    let mut large = document("t");
    large["finding_info"]["src_url"] = format!("https://search.example.com/{}", "x".repeat(100_000)).into();
    for fifo in [false, true] {
        let message = of_page(&large, ALERT, fifo, ALL);
        let event = machine(&message);
        assert!(message.bytes() <= BYTES_MAX && event["dedup_key"] == ALERT);
        if !fifo {
            assert_eq!(event["payload"]["custom_details"]["cut"], true);
            assert!(forms(&message)["default"].as_str().expect("text").contains(&format!("tidegate alerts show {ALERT}")));
        }
    }
    assert!(least(&document("\u{202e}日"), ALERT, false, ALL).body.is_ascii());
}

/// The page that speaks for a storm is the page of the first alert over the budget, with a sentence that says so.
#[test]
fn the_page_of_a_storm_says_that_it_speaks_for_the_rest() {
    let mut storm = document("Port scan");
    storm["message"] = tidegate_core::alert::storm::summary("Port scan", "111122223333", "one more scan").into();
    storm["severity_id"] = 4.into();
    let message = of_page(&storm, ALERT, false, Marks::default());
    let body = forms(&message);
    assert!(
        body["sms"].as_str().expect("text").starts_with("[HIGH] Alert storm: more alerts of \"Port scan\" in account 111122223333 than")
    );
    assert!(body["email"].as_str().expect("text").contains("This page speaks for the rest until the hour is over"));
    let event = machine(&message);
    assert!(event["payload"]["summary"].as_str().expect("text").contains("one more scan"));
    assert_eq!((&event["dedup_key"], &event["payload"]["severity"]), (&ALERT.into(), &"error".into()));
}

#[test]
fn a_test_says_so_everywhere() {
    for (route, level) in [("critical", "CRITICAL"), ("high", "HIGH")] {
        let marks = Marks { test: true, ..Marks::default() };
        let message = of_page(&test_document(route, "test-1", 1_795_456_384_000), "test-1", false, marks);
        let body = forms(&message);
        assert_eq!(message.subject.as_deref(), Some(format!("TEST [{level}] Test page").as_str()));
        assert!(body["sms"].as_str().expect("text").starts_with(&format!("TEST [{level}] TEST: `tidegate doctor")));
        assert!(body["default"].as_str().expect("text").contains("This is a test: nothing happened.\n"));
        assert_eq!(machine(&message)["payload"]["custom_details"]["test"], true);
        assert_eq!(message.attributes[0], ("severity", route.to_owned()));
    }
    let summary = of_return(7, 1_795_456_384_000, 1_795_457_164_000, true);
    assert!(
        machine(&summary)["payload"]["summary"]
            .as_str()
            .expect("text")
            .starts_with("7 pages went by the second channel from 2026-11-23T17:53")
    );
}
