//! Golden tests by example: what goes in, and the compact listing of what must come out.

use super::unwrap;
use crate::decode::{Emit, ErrorCode, Hints};
use crate::event::Form;
use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use std::io::Write;

/// `Form text` per unit, `filtered Why`, `bad Code bytes`; context in brackets where there is any.
fn listing(bytes: &[u8], hints: &Hints) -> Vec<String> {
    let mut all = Vec::new();
    unwrap(bytes, hints, &mut |emit| {
        all.push(match emit {
            Emit::Unit(unit) => {
                let c = unit.context;
                let parts = [&c.log_event_id, &c.log_group, &c.account, &c.region, &c.detail_type];
                let mut around: Vec<String> = parts.into_iter().flatten().map(ToString::to_string).collect();
                around.extend([c.log_event_ms, c.envelope_ms].into_iter().flatten().map(|ms| ms.to_string()));
                let around = if around.is_empty() { String::new() } else { format!(" [{}]", around.join(" ")) };
                format!("{:?} {}{around}", unit.form, unit.text)
            }
            Emit::Filtered(why) => format!("filtered {why:?}"),
            Emit::Bad(error, bytes) => format!("bad {:?} {}", error.code, String::from_utf8_lossy(bytes)),
        });
    });
    all
}

fn auto(bytes: impl AsRef<[u8]>) -> Vec<String> {
    listing(bytes.as_ref(), &Hints::default())
}

fn stated(form: Form, bytes: impl AsRef<[u8]>) -> Vec<String> {
    listing(bytes.as_ref(), &Hints { form: Some(form), ..Hints::default() })
}

fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |chunk: &[u8]| {
        let word = chunk.iter().enumerate().fold(0u32, |word, (n, b)| word | u32::from(*b) << (16 - 8 * n));
        (0..4)
            .map(move |n| if n > chunk.len() { '=' } else { char::from(ALPHABET[(word >> (18 - 6 * n) & 63) as usize]) })
            .collect::<String>()
    };
    bytes.as_ref().chunks(3).map(group).collect()
}

const FINDING: &str = r#"{"schemaVersion":"2.0","accountId":"111122223333","type":"Recon:EC2/Portscan","service":{"count":1}}"#;
const API: &str = r#"{"AccountId":"111122223333","Type":"Recon:EC2/Portscan","Service":{"Count":1}}"#;
const TRAIL: &str = r#"{"eventVersion":"1.11","eventSource":"iam.amazonaws.com","eventName":"CreateUser","eventID":"e-1"}"#;
const FLOW: &str = "2 111122223333 eni-0a1b2c3d4e5f60718 10.1.0.4 10.1.9.9 50123 443 6 9 1200 1790000000 1790000060 ACCEPT OK";
const ASFF: &str = r#"{"SchemaVersion":"2018-10-08","ProductName":"Inspector","Id":"arn:aws:inspector2:eu-west-1:1:finding/9"}"#;
const COPY: &str = r#"{"SchemaVersion":"2018-10-08","ProductName":"GuardDuty","Id":"arn:aws:guardduty:eu-west-1:1:detector/d/finding/f"}"#;

#[test]
fn bare_events_are_recognised_by_their_keys() {
    let cases = [
        (Form::GuardDuty, FINDING),
        (Form::GuardDutyApi, API),
        (Form::CloudTrail, TRAIL),
        (Form::CloudTrail, r#"{"eventType":"AwsCloudTrailInsight","insightDetails":{"state":"Start"}}"#),
        (Form::CloudTrail, r#"{"eventType":"AwsAggregatedEvent","eventId":"x","summary":{}}"#),
        (Form::SecurityHub, ASFF),
        (Form::GuardDutyAsff, COPY),
        (Form::GuardDutyAsff, r#"{"ProductArn":"arn:aws:securityhub:eu-west-1::product/aws/guardduty","AwsAccountId":"1"}"#),
        (Form::GuardDutyOcsf, r#"{"class_uid":2004,"metadata":{"product":{"name":"Amazon GuardDuty"}}}"#),
        (Form::SecurityHubOcsf, r#"{"class_uid":2002,"metadata":{"product":{"name":"Inspector"}}}"#),
        (Form::Route53, r#"{"version":"1.100000","query_name":"a.example.","query_type":"A"}"#),
        (Form::Waf, r#"{"webaclId":"arn:aws:wafv2:x","httpRequest":{},"action":"BLOCK"}"#),
        (Form::EksAudit, r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","verb":"get"}"#),
        (Form::EksAudit, r#"{"auditID":"7","verb":"get"}"#),
    ];
    for (form, text) in cases {
        assert_eq!(auto(text), [format!("{form:?} {text}")]);
    }
}

#[test]
fn event_bridge_events_are_taken_apart_or_left_whole() {
    let event = |kind: &str, detail: &str| {
        format!(
            r#"{{"version":"0","id":"i","detail-type":"{kind}","source":"aws.x","account":"1","time":"1970-01-01T00:00:01Z","region":"r","detail":{detail}}}"#
        )
    };
    let around = |kind: &str| format!("[1 r {kind} 1000]");
    for (kind, form, detail) in [
        ("GuardDuty Finding", "GuardDuty", FINDING),
        ("GuardDuty Finding", "GuardDutyApi", API),
        ("AWS API Call via CloudTrail", "CloudTrail", TRAIL),
        ("AWS Insight via CloudTrail", "CloudTrail", "{}"),
        ("renamed by a bus", "CloudTrail", TRAIL),
    ] {
        assert_eq!(auto(event(kind, detail)), [format!("{form} {detail} {}", around(kind))]);
    }
    let kind = "Security Hub Findings - Custom Action";
    let both = auto(event(kind, &format!(r#"{{"actionName":"a","findings":[{ASFF},{COPY}]}}"#)));
    assert_eq!(both, [format!("SecurityHub {ASFF} {}", around(kind)), format!("GuardDutyAsff {COPY} {}", around(kind))]);
    for kind in ["GuardDuty Malware Protection Object Scan Result", "Security Hub Insight Results"] {
        let whole = event(kind, r#"{"scanStatus":"COMPLETED"}"#);
        assert_eq!(auto(&whole), [format!("EventBridge {whole} {}", around(kind))]);
    }
    let whole = event("GuardDuty Finding", FINDING);
    assert_eq!(stated(Form::EventBridge, &whole), [format!("EventBridge {whole} {}", around("GuardDuty Finding"))]);
}

#[test]
fn lists_and_streams_keep_the_siblings_of_what_is_broken() {
    let good = format!("CloudTrail {TRAIL}");
    assert_eq!(auto(format!(r#"{{"Records":[{TRAIL},{TRAIL}]}}"#)), [good.clone(), good.clone()]);
    assert_eq!(
        auto(format!(r#"{{"Records":[{TRAIL},{{"a":}},7,{TRAIL}]}}"#)),
        [good.clone(), r#"bad JsonSyntax {"a":}"#.to_owned(), "bad UnknownShape 7".to_owned(), good.clone()]
    );
    assert_eq!(auto(format!(r#"{{"Records":[{TRAIL},{{"eventN"#)), [good.clone(), r#"bad JsonTruncated {"eventN"#.to_owned()]);
    assert_eq!(auto(format!(r#"{{"Records":[{TRAIL}],"x":oops}}"#)), [good.clone(), "bad JsonSyntax oops}".to_owned()]);
    assert_eq!(auto(format!("[{TRAIL},{{],{TRAIL}]")).len(), 3);
    assert_eq!(auto(format!("{TRAIL}\n{{\"a\n\n{FLOW}\r\n{TRAIL}{TRAIL}")).len(), 4);
    let not_utf8 = [TRAIL.as_bytes(), b"\n{\"a\":\"\xff\"}\n", TRAIL.as_bytes()].concat();
    assert_eq!(auto(not_utf8), [good.clone(), "bad NotUtf8 {\"a\":\"\u{fffd}\"}".to_owned(), good]);
    assert_eq!(auto(format!(r#"{{"Findings":[{API}]}}"#)), [format!("GuardDutyApi {API}")]);
    let lookup = json!({"Events": [{"EventId": "e", "CloudTrailEvent": TRAIL}]}).to_string();
    assert_eq!(auto(lookup), [format!("CloudTrail {TRAIL}")]);
}

#[test]
fn log_batches_give_one_unit_per_log_event() {
    let batch = json!({
        "messageType": "DATA_MESSAGE", "owner": "9", "logGroup": "g", "logStream": "s",
        "logEvents": [
            {"id": "1", "timestamp": 5, "message": format!("{FLOW}\n")},
            {"id": "2", "timestamp": 6, "message": TRAIL, "extractedFields": {"@aws.account": "8", "@aws.region": "r"}},
            {"id": "3", "timestamp": 7, "message": "[ERROR] an application's line"},
            {"id": "4", "message": 7},
            {"id": "5", "message": ""},
        ],
    });
    let expected = [
        format!("VpcFlow {FLOW} [1 g 9 5]"),
        format!("CloudTrail {TRAIL} [2 g 8 r 6]"),
        "bad UnknownShape [ERROR] an application's line".to_owned(),
        r#"bad EnvelopeMalformed {"id":"4","message":7}"#.to_owned(),
        "filtered Empty".to_owned(),
    ];
    let zipped = gzip(batch.to_string());
    assert_eq!(auto(&zipped), expected);
    assert_eq!(auto([&zipped[..], &zipped[..]].concat()), [&expected[..], &expected[..]].concat(), "Firehose puts members in a row");
    assert_eq!(auto(json!({"awslogs": {"data": base64(&zipped)}}).to_string()), expected);
    let control = r#"{"messageType":"CONTROL_MESSAGE","logEvents":[{"id":"","message":"CWL CONTROL MESSAGE"}]}"#;
    assert_eq!(auto(control), ["filtered ControlMessage"]);
    assert_eq!(auto(r#"{"messageType":"DATA_MESSAGE","logEvents":7}"#), ["bad EnvelopeMalformed 7"]);
}

#[test]
fn lambda_payloads_are_unwrapped() {
    let trail = [format!("CloudTrail {TRAIL}")];
    let kinesis = |data: &str| json!({"Records": [{"kinesis": {"data": data}, "eventSource": "aws:kinesis"}]}).to_string();
    assert_eq!(auto(kinesis(&base64(gzip(TRAIL)))), trail);
    assert!(auto(kinesis("!"))[0].starts_with("bad EnvelopeMalformed"));
    assert_eq!(auto(json!({"records": [{"recordId": "r", "data": base64(TRAIL)}]}).to_string()), trail);
    let sns = json!({"Type": "Notification", "MessageId": "m", "Message": TRAIL});
    assert_eq!(auto(sns.to_string()), trail);
    assert_eq!(auto(json!({"Records": [{"EventSource": "aws:sns", "Sns": sns}]}).to_string()), trail);
    let queued = json!({"Records": [{"messageId": "m", "body": sns.to_string(), "eventSource": "aws:sqs"}]});
    assert_eq!(auto(queued.to_string()), trail);
    assert!(auto(r#"{"Records":[{"Sns":{}}]}"#)[0].starts_with("bad EnvelopeMalformed"));
}

#[test]
fn notices_and_empty_input_are_filtered() {
    let cases = [
        (r#"{"Type":"SubscriptionConfirmation","Message":"confirm"}"#, "Notice"),
        (r#"{"Service":"Amazon S3","Event":"s3:TestEvent"}"#, "Notice"),
        (r#"{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{}}]}"#, "Notice"),
        (r#"{"Records":[]}"#, "Empty"),
        ("[]", "Empty"),
        ("", "Empty"),
        (" \r\n", "Empty"),
    ];
    for (text, why) in cases {
        assert_eq!(auto(text), [format!("filtered {why}")], "{text}");
    }
    assert_eq!(auto(gzip("")), ["filtered Empty"]);
}

#[test]
fn flow_lines_are_told_from_other_lines() {
    let header = "version account-id interface-id srcaddr dstaddr srcport dstport";
    let custom = "i-0123456789abcdef0 eni-0a1b2c3d4e5f60718 10.1.0.4 10.1.9.9 10.1.0.4";
    let gateway = "6 TransitGateway 111122223333 tgw-0a tgw-attach-0b 111122223333";
    let quiet = "2 unknown eni-0a - - - - - - - 1790000000 1790000060 - NODATA";
    assert_eq!(
        auto(format!("{header}\n{custom}\n{quiet}\n{gateway}\n")),
        [format!("VpcFlow {header}"), format!("VpcFlow {custom}"), format!("VpcFlow {quiet}"), format!("TransitGatewayFlow {gateway}"),]
    );
    assert_eq!(auto(json!({"message": FLOW}).to_string()), [format!("VpcFlow {FLOW}")]);
    assert_eq!(auto("GET / 10.0.0.1\nsecond line"), ["bad UnknownShape GET / 10.0.0.1\nsecond line"], "one thing, not two");
    assert_eq!(stated(Form::VpcFlow, "anything\n- - x"), ["VpcFlow anything", "VpcFlow - - x"]);
    assert_eq!(stated(Form::CloudTrail, FLOW), [format!("bad UnknownShape {FLOW}")]);
}

#[test]
fn a_stated_form_is_given_to_objects_that_are_no_envelope() {
    assert_eq!(stated(Form::Waf, r#"{"Records":[{"odd":1}]}"#), [r#"Waf {"odd":1}"#]);
    assert_eq!(stated(Form::GuardDuty, COPY), [format!("GuardDutyAsff {COPY}")], "another shape of the same source");
    assert_eq!(stated(Form::Waf, "{ }"), ["bad UnknownShape { }"]);
    let envelope = format!(r#"{{"Records":[{TRAIL}],"message":"{{}}"}}"#);
    assert_eq!(stated(Form::Generic(3), &envelope), [format!("Generic(3) {envelope}")], "no envelope is looked into");
    assert_eq!(stated(Form::Generic(3), gzip("[{\"a\":1},{\"b\":2}]\n{\"c\":3}")).len(), 3);
}

#[test]
fn aggregates_hold_records_of_any_kind() {
    use md5::{Digest, Md5};
    let field = |n: u8, bytes: &[u8]| [&[n << 3 | 2, bytes.len() as u8 & 127 | 128, (bytes.len() >> 7) as u8][..], bytes].concat();
    let record = |data: &[u8]| field(3, &[&[8, 0][..], &field(3, data)].concat());
    let message = [field(1, b"pk"), record(TRAIL.as_bytes()), record(&gzip(FINDING)), record(b"")].concat();
    let mut blob = [&[0xf3, 0x89, 0x9a, 0xc2][..], &message, Md5::digest(&message).as_slice()].concat();
    assert_eq!(auto(&blob), [format!("CloudTrail {TRAIL}"), format!("GuardDuty {FINDING}"), "filtered Empty".to_owned()]);
    *blob.last_mut().unwrap() ^= 1;
    assert!(auto(&blob)[0].starts_with("bad NotUtf8"), "a wrong checksum: a plain record");
}

fn only_code(bytes: &[u8]) -> ErrorCode {
    let mut codes = Vec::new();
    unwrap(bytes, &Hints::default(), &mut |emit| match emit {
        Emit::Bad(error, _) => codes.push(error.code),
        other => panic!("{other:?}"),
    });
    assert_eq!(codes.len(), 1);
    codes[0]
}

#[test]
fn each_refusal_has_its_code() {
    let nested = |n: usize| (0..n).fold(TRAIL.as_bytes().to_vec(), |inner, _| gzip(inner));
    assert_eq!(auto(nested(8)).len(), 1);
    assert_eq!(auto(nested(8)), [format!("CloudTrail {TRAIL}")]);
    let cases: [(ErrorCode, Vec<u8>); 11] = [
        (ErrorCode::RecordTooLarge, vec![b' '; 64 * 1024 * 1024 + 1]),
        (ErrorCode::GzipCorrupt, nested(1)[..20].to_vec()),
        (ErrorCode::GzipTooLarge, gzip(vec![b' '; 2 * 1024 * 1024])),
        (ErrorCode::NotUtf8, b"{\"a\":\"\xff\"}".to_vec()),
        (ErrorCode::JsonSyntax, b"{\"a\":}".to_vec()),
        (ErrorCode::JsonTruncated, b"{\"a\":[".to_vec()),
        (ErrorCode::JsonTooDeep, format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64)).into_bytes()),
        (ErrorCode::EnvelopeTooDeep, nested(9)),
        (ErrorCode::EnvelopeMalformed, br#"{"awslogs":{"data":"!"}}"#.to_vec()),
        (ErrorCode::UnknownShape, b"{\"a\":1}".to_vec()),
        (ErrorCode::CompressionUnsupported, b"\x78\x9c\xcb\x48\xff\xff".to_vec()),
    ];
    for (code, bytes) in cases {
        assert_eq!(only_code(&bytes), code);
    }
    assert_eq!(only_code(b"\x28\xb5\x2f\xfd\x04\x00"), ErrorCode::CompressionUnsupported);
    let objects = (0..12).fold(TRAIL.to_owned(), |inner, _| format!(r#"{{"Findings":[{inner}]}}"#));
    assert_eq!(only_code(objects.as_bytes()), ErrorCode::EnvelopeTooDeep);
}

#[test]
fn an_event_has_a_limit_and_what_holds_events_a_larger_one() {
    let long = format!(r#"{{"eventName":"{}",{}"#, "x".repeat(10 << 20), &TRAIL[1..]);
    let file = format!(r#"{{"Records":[{TRAIL},{long},{TRAIL}]}}"#);
    let got: Vec<String> = auto(&file).into_iter().map(|line| line.chars().take(18).collect()).collect();
    assert_eq!(got.len(), 3);
    assert!(got[0] == got[2] && got[0].starts_with("CloudTrail "), "{got:?}");
    assert!(got[1].starts_with("bad RecordTooLarge"), "{got:?}");
    let file = format!(r#"{{"Records":[{}]}}"#, vec![TRAIL; (12 << 20) / TRAIL.len()].join(","));
    assert!(file.len() > 11 << 20 && auto(&file).iter().all(|line| line.starts_with("CloudTrail ")));
}

#[test]
fn lists_nest() {
    let text = format!(r#"[[{TRAIL}],[[{FINDING},[{TRAIL}]],[]],5]"#);
    let want = [format!("CloudTrail {TRAIL}"), format!("GuardDuty {FINDING}"), format!("CloudTrail {TRAIL}"), "filtered Empty".to_owned()];
    let got = auto(&text);
    assert_eq!(got[..4], want);
    assert!(got[4].starts_with("bad UnknownShape") && got.len() == 5);
    let deep = format!("{}{TRAIL}{}", "[".repeat(12), "]".repeat(12));
    assert!(auto(&deep)[0].starts_with("bad "));
}

#[test]
fn the_answer_of_get_records_is_read() {
    let record = |data: &str| json!({"SequenceNumber": "1", "PartitionKey": "p", "Data": data});
    let answer = json!({"Records": [record(&base64(TRAIL)), record(&base64(gzip(FINDING))), record("!")], "MillisBehindLatest": 0});
    let got = auto(answer.to_string());
    assert_eq!(got[..2], [format!("CloudTrail {TRAIL}"), format!("GuardDuty {FINDING}")]);
    assert!(got[2].starts_with("bad EnvelopeMalformed"));
}

#[test]
fn mutations_neither_panic_nor_vanish() {
    let batch = json!({"messageType": "DATA_MESSAGE", "logEvents": [{"message": FLOW}, {"message": TRAIL}]}).to_string();
    let event = format!(r#"{{"detail-type":"x","source":"s","detail":{{"findings":[{ASFF},{COPY}]}}}}"#);
    let fixtures: Vec<Vec<u8>> = vec![
        format!(r#"{{"Records":[{TRAIL},{TRAIL}]}}"#).into_bytes(),
        format!("{FINDING}\n{API}\n{FLOW}").into_bytes(),
        gzip(&batch),
        batch.into_bytes(),
        event.into_bytes(),
        json!({"Records": [{"kinesis": {"data": base64(TRAIL)}}, {"Sns": {"Type": "Notification", "Message": FINDING}}]})
            .to_string()
            .into(),
    ];
    let mut rng = fastrand::Rng::with_seed(11);
    for n in 0..20_000 {
        let mut bytes = fixtures[n % fixtures.len()].clone();
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(..bytes.len());
            match rng.u8(..4) {
                0 => bytes.truncate(at.max(1)),
                1 => bytes.insert(at, rng.u8(..)),
                2 => bytes[at] = *rng.choice(b"{}[]\",:\\ \n\xff1").unwrap(),
                _ => bytes[at] ^= 1 << rng.u8(..8),
            }
        }
        let mut count = 0;
        unwrap(&bytes, &Hints::default(), &mut |_| count += 1);
        assert!(count > 0, "{bytes:?}");
    }
}

#[test]
fn a_glance_sees_what_unwrapping_gives() {
    let stated = |form| Hints { form, ..Hints::default() };
    let line = "2 111122223333 eni-0a1b 10.0.0.1 10.0.0.2 40000 443 6 1 40 1795000000 1795000060 ACCEPT OK";
    let lines =
        [line.to_owned(), format!("{line}\r"), format!("{line} \n"), format!("{line}\n{line}"), format!(" {line}"), "2 x".to_owned()];
    for form in [None, Some(Form::VpcFlow), Some(Form::TransitGatewayFlow), Some(Form::CloudTrail)] {
        let mut seen = 0;
        for line in &lines {
            let Some(unit) = super::glance(line, &stated(form)) else { continue };
            let mut emitted = 0;
            unwrap(line.as_bytes(), &stated(form), &mut |emit| {
                let Emit::Unit(other) = emit else { panic!("{emit:?}") };
                assert_eq!((unit.form, unit.text, unit.context), (other.form, other.text, other.context));
                emitted += 1;
            });
            assert_eq!(emitted, 1);
            seen += 1;
        }
        assert_eq!(seen, if form == Some(Form::CloudTrail) { 0 } else { 3 });
    }
}
