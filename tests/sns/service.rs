//! Against a real server in the place of SNS and SQS (`make sns-test`): topic -> subscription -> queue -> what a receiver reads.

use crate::folder::Folder;
use crate::stub::topic;
use crate::{SECOND, delivery, one, sink, to};
use serde_json::{Value, json};
use std::time::Duration;
use tidegate::io::clock::Stopwatch;
use tidegate::io::port::{Outcome, Sink};

const PATIENCE: Duration = Duration::from_secs(30);

fn url() -> String {
    std::env::var("TIDEGATE_AWS_URL").expect("TIDEGATE_AWS_URL: run `make sns-test`")
}

/// Calls a service in its JSON protocol.
fn call(service: &str, target: &str, body: &Value) -> Value {
    let scope = format!("Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0");
    let request = ureq::post(url()).header("authorization", format!("AWS4-HMAC-SHA256 {scope}"));
    let request = request.header("content-type", "application/x-amz-json-1.0").header("x-amz-target", target);
    let text = request.send(body.to_string()).expect(target).body_mut().read_to_string().expect("a body");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// Calls SNS in its query protocol; gives what stands in the element.
fn ask(parameters: &[(&str, &str)], element: &str) -> String {
    let scope = "Credential=test/20260101/us-east-1/sns/aws4_request, SignedHeaders=host, Signature=0";
    let plain = |text: &str| text.bytes().map(|b| format!("%{b:02X}")).collect::<String>();
    let form: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect();
    let request = ureq::post(url()).header("authorization", format!("AWS4-HMAC-SHA256 {scope}"));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let text = request.send(form.join("&")).expect("an answer").body_mut().read_to_string().expect("a body");
    let after = text.split_once(&format!("<{element}>")).map(|(_, rest)| rest).unwrap_or_else(|| panic!("no {element} in {text}"));
    after.split('<').next().unwrap_or_default().to_owned()
}

/// A topic with a queue behind it.
struct Line {
    topic: String,
    queue: String,
}

impl Line {
    fn new(name: &str, fifo: bool, raw: bool) -> Self {
        let name = format!("{name}-{}{}", std::process::id(), if fifo { ".fifo" } else { "" });
        let statement =
            json!({"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"});
        let mut attributes = json!({"Policy": json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()});
        let mut parameters = vec![("Action", "CreateTopic"), ("Name", name.as_str())];
        if fifo {
            attributes["FifoQueue"] = "true".into();
            parameters.extend([("Attributes.entry.1.key", "FifoTopic"), ("Attributes.entry.1.value", "true")]);
        }
        let topic = ask(&parameters, "TopicArn");
        let queue = call("sqs", "AmazonSQS.CreateQueue", &json!({"QueueName": name, "Attributes": attributes}));
        let queue = queue["QueueUrl"].as_str().expect("a queue").to_owned();
        let about = call("sqs", "AmazonSQS.GetQueueAttributes", &json!({"QueueUrl": queue, "AttributeNames": ["QueueArn"]}));
        let endpoint = about["Attributes"]["QueueArn"].as_str().expect("an ARN").to_owned();
        let mut parameters = vec![("Action", "Subscribe"), ("TopicArn", &topic), ("Protocol", "sqs"), ("Endpoint", &endpoint)];
        if raw {
            parameters.extend([("Attributes.entry.1.key", "RawMessageDelivery"), ("Attributes.entry.1.value", "true")]);
        }
        ask(&parameters, "SubscriptionArn");
        Line { topic, queue }
    }

    /// At least so many messages, and what else comes within a moment.
    fn receive(&self, count: usize) -> Vec<Value> {
        let (clock, mut out) = (Stopwatch::start(), Vec::new());
        let ask = json!({
            "QueueUrl": self.queue, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1,
            "MessageAttributeNames": ["All"], "AttributeNames": ["All"],
        });
        loop {
            let got = call("sqs", "AmazonSQS.ReceiveMessage", &ask)["Messages"].as_array().cloned().unwrap_or_default();
            for message in &got {
                let handle = &message["ReceiptHandle"];
                call("sqs", "AmazonSQS.DeleteMessage", &json!({"QueueUrl": self.queue, "ReceiptHandle": handle}));
            }
            let none = got.is_empty();
            out.extend(got);
            if none && out.len() >= count {
                return out;
            }
            assert!(clock.elapsed() < PATIENCE, "{} of {count} messages came", out.len());
        }
    }
}

/// The event that a queue with raw delivery got.
fn event(message: &Value) -> Value {
    serde_json::from_str(message["Body"].as_str().expect("a body")).expect("JSON")
}

#[test]
#[ignore = "needs a server in the place of SNS: make sns-test"]
fn a_receiver_gets_its_form_of_the_page_with_attributes() {
    for raw in [true, false] {
        let line = Line::new(if raw { "raw" } else { "wrapped" }, false, raw);
        let mut sink = sink(topic(&url(), &line.topic, 5 * SECOND), None);
        let told = sink.deliver(&[delivery("a1", false), delivery("a2", true)]);
        assert_eq!(told, [Outcome::Taken, Outcome::Taken]);
        let got = line.receive(2);
        assert_eq!(got.len(), 2);
        for message in &got {
            let body = event(message);
            let (event, attributes) = match raw {
                true => (body, message["MessageAttributes"].clone()),
                false => {
                    assert_eq!(body["Subject"].as_str().map(|s| s.contains("[CRITICAL] Keys used from two places")), Some(true));
                    let event = serde_json::from_str(body["Message"].as_str().expect("text")).expect("the form for SQS");
                    (event, body["MessageAttributes"].clone())
                }
            };
            let value = |name: &str| attributes[name][if raw { "StringValue" } else { "Value" }].clone();
            assert_eq!(event["payload"]["severity"], "critical");
            assert_eq!(
                (value("severity"), value("account"), value("rule_id")),
                ("critical".into(), "111122223333".into(), "rule-1".into())
            );
            let repeated = event["dedup_key"] == "a2";
            assert_eq!(event["payload"]["custom_details"]["repeated"].as_bool().unwrap_or(false), repeated);
            assert_eq!(value("repeated").is_string(), repeated);
        }
    }
}

#[test]
#[ignore = "needs a server in the place of SNS: make sns-test"]
fn a_fifo_topic_drops_a_repeated_page_and_keeps_the_others_apart() {
    let line = Line::new("ordered", true, true);
    let mut sink = sink(topic(&url(), &line.topic, 5 * SECOND), None);
    for (alert, repeated) in [("a1", false), ("a2", false), ("a1", true), ("a1", true), ("a3", false)] {
        assert_eq!(one(sink.deliver(&[delivery(alert, repeated)])), Outcome::Taken, "{alert}");
    }
    let got: Vec<String> = line.receive(3).iter().map(|m| event(m)["dedup_key"].as_str().expect("a key").to_owned()).collect();
    assert_eq!(got, ["a1", "a2", "a3"], "each once, those of one account in order");
}

#[test]
#[ignore = "needs a server in the place of SNS: make sns-test"]
fn a_topic_that_is_gone_sends_pages_by_the_second_channel() {
    let line = Line::new("second", false, true);
    let gone = line.topic.replace("second", "nowhere");
    let after = Duration::from_millis(300);
    let mut sink = sink(topic(&url(), &gone, 5 * SECOND), Some((to(topic(&url(), &line.topic, 5 * SECOND)), after)));
    let told = one(sink.deliver(&[delivery("a1", false)]));
    assert!(matches!(&told, Outcome::Again(why) if why.contains("NotFound")), "{told:?}");
    std::thread::sleep(after);
    assert_eq!(one(sink.deliver(&[delivery("a1", false)])), Outcome::Taken);
    let got = line.receive(1);
    assert!(got.len() == 1 && event(&got[0])["payload"]["custom_details"]["channel"] == "second");
}

/// One critical event and three of high severity, sinks with both topics.
fn place(name: &str, critical: &str, high: &str) -> Folder {
    let folder = Folder::new(name);
    folder.events("events.ndjson", 0, &["denied", "refused", "refused", "refused"]);
    let sns = format!("{{routes: {{critical: '{critical}', high: '{high}'}}, endpoint_url: '{}'}}", url());
    folder.configure(&format!("sinks: {{sns: {sns}}}"));
    folder
}

#[test]
#[ignore = "needs a server in the place of SNS: make sns-test"]
fn the_service_pages_each_severity_on_its_topic() {
    let (critical, high) = (Line::new("critical", true, true), Line::new("high", false, true));
    let folder = place("run", &critical.topic, &high.topic);
    let ended = folder.tidegate(&["run", "-c", "tidegate.yaml"]);
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(0), "{said}");
    let severities = |line: &Line, count: usize| -> Vec<String> {
        line.receive(count).iter().map(|m| event(m)["payload"]["severity"].as_str().expect("a word").to_owned()).collect()
    };
    assert_eq!(severities(&critical, 1), ["critical"], "{said}");
    assert_eq!(severities(&high, 3), ["error", "error", "error"], "{said}");
    // A second start has nothing to send.
    assert_eq!(folder.tidegate(&["run", "-c", "tidegate.yaml"]).status.code(), Some(0));
    assert!(severities(&high, 0).is_empty() && severities(&critical, 0).is_empty());
}

#[test]
#[ignore = "needs a server in the place of SNS: make sns-test"]
fn the_doctor_looks_at_topics_and_sends_test_pages() {
    let (critical, high) = (Line::new("look", true, true), Line::new("look", false, true));
    let folder = place("doctor", &critical.topic, &high.topic);
    let looked = folder.tidegate(&["doctor"]);
    let said = String::from_utf8_lossy(&looked.stdout).into_owned();
    assert_eq!(looked.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&looked.stderr));
    assert!(said.contains(&format!("topic {}: 1 subscriptions confirmed", high.topic)), "{said}");
    let sent = folder.tidegate(&["doctor", "--test-page", "--json"]);
    let report: Value = serde_json::from_slice(&sent.stdout).expect("JSON");
    assert_eq!((sent.status.code(), &report["failed"]), (Some(0), &0.into()), "{report:#}");
    for line in [&critical, &high] {
        let got = line.receive(1);
        assert!(got.len() == 1 && event(&got[0])["payload"]["custom_details"]["test"] == true, "{got:?}");
    }
    let gone = place("gone", &critical.topic, &high.topic.replace("look", "nowhere"));
    let sent = gone.tidegate(&["doctor", "--test-page"]);
    let said = String::from_utf8_lossy(&sent.stdout).into_owned();
    assert_eq!(sent.status.code(), Some(3), "{said}");
    assert!(said.contains("NotFound"), "{said}");
}
