//! A stream of another account: named by its ARN, read with a role that asks for an external id.

use crate::run::start_with;
use crate::stub::{Call, Reply, Stub};
use crate::support::{Place, SHOP};
use serde_json::json;

const STREAM: &str = "arn:aws:kinesis:us-east-1:444455556666:stream/findings";
const ROLE: &str = "arn:aws:iam::444455556666:role/tidegate-read";

/// The other account: whoever has taken on the role may read.
fn account(call: &Call) -> Reply {
    let role = ROLE.replace(':', "%3A").replace('/', "%2F");
    match call.what.as_str() {
        "AssumeRole" if call.body.contains(&format!("RoleArn={role}")) && call.body.contains("ExternalId=secret-handshake") => {
            let credentials = "<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
                <Expiration>2100-01-01T00:00:00Z</Expiration>";
            let user = "<AssumedRoleUser><AssumedRoleId>A:tidegate</AssumedRoleId><Arn>arn:aws:sts::444455556666:assumed-role/tidegate-read/tidegate</Arn></AssumedRoleUser>";
            Reply::Xml(format!(
                "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>{credentials}\
                 </Credentials>{user}</AssumeRoleResult></AssumeRoleResponse>"
            ))
        }
        "AssumeRole" => Reply::Denied,
        _ if !call.authorization.contains("Credential=ASIAROLE/") => Reply::Error("AccessDeniedException"),
        "GetRecords" => {
            // {"time":1793613600,"received":1793613600,"who":"mallory","result":"denied","cloud":{"account":{"uid":"111122223333"}}}
            let data = "eyJ0aW1lIjoxNzkzNjEzNjAwLCJyZWNlaXZlZCI6MTc5MzYxMzYwMCwid2hvIjoibWFsbG9yeSIsInJlc3VsdCI6ImRlbmllZCIsImNsb3VkIjp7ImFjY291bnQiOnsidWlkIjoiMTExMTIyMjIzMzMzIn19fQ==";
            let record = json!({"Data": data, "PartitionKey": "k", "SequenceNumber": "49000010", "ApproximateArrivalTimestamp": 1.7e9});
            Reply::Json(json!({"Records": [record], "NextShardIterator": "i", "MillisBehindLatest": 0}))
        }
        "GetShardIterator" if call.json()["StreamARN"] == STREAM => Reply::Json(json!({"ShardIterator": "i"})),
        "ListShards" if call.json()["StreamARN"] == STREAM => Reply::Json(json!({"Shards": [{
            "ShardId": "a", "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": "1"},
            "SequenceNumberRange": {"StartingSequenceNumber": "1"},
        }]})),
        _ => Reply::Error("AccessDeniedException"),
    }
}

fn place(name: &str, url: &str, external_id: &str) -> Place {
    let keys = format!("stream: '{STREAM}', endpoint_url: '{url}', role_arn: '{ROLE}', external_id: {external_id}");
    Place::new(name, &format!("sources: [{{name: theirs, {SHOP}, kinesis: {{{keys}}}}}]"))
}

#[test]
fn another_accounts_stream_is_read_with_a_role() {
    let stub = Stub::start(account);
    let place = place("role", &stub.url, "secret-handshake");
    let service = start_with(&place, &[("AWS_ENDPOINT_URL_STS", &stub.url)]);
    service.says("may not be asked how long it keeps records");
    place.wait_alert("denied", "111122223333");
    service.stop();
    assert_eq!(stub.count("AssumeRole"), 1);
}

#[test]
fn a_role_that_may_not_be_taken_on_is_told() {
    let stub = Stub::start(account);
    let place = place("no-role", &stub.url, "guessed");
    let service = start_with(&place, &[("AWS_ENDPOINT_URL_STS", &stub.url)]);
    service.says("the source cannot go on: source theirs: cannot list the shards of");
    let (status, log) = service.end();
    assert_eq!(status.code(), Some(3), "{log}");
    assert!(log.contains("not authorized") && log.contains("check credentials"), "{log}");
}
