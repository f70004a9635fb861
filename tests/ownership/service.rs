//! The service with an ownership row in a real table (`make owner-test`): a second one elsewhere is refused, a standby follows at once,
//! a silent owner after its lease, and one that wakes up can do nothing more. Needs TIDEGATE_AWS_URL, and fails without it: it is run
//! by name only.

#[expect(dead_code, reason = "the places of the tests of `run` can do more than is needed here")]
#[path = "../run/support.rs"]
mod support;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::HashMap;
use std::process::Command;
use std::time::Duration;
use support::{Place, SHOP, Service, event, until};
use tidegate::io::clock::Stopwatch;
use tokio::runtime::Runtime;

fn url() -> String {
    std::env::var("TIDEGATE_AWS_URL").expect("TIDEGATE_AWS_URL: run `make owner-test`")
}

fn place(name: &str, table: &str, lease: &str) -> Place {
    let owned = format!("ownership: {{table: {table}, endpoint_url: '{}', lease: {lease}}}", url());
    Place::new(&format!("owner-{name}"), &format!("lease: 1s\n{owned}\nsources: [{{name: shop, file: ./in/shop.ndjson, {SHOP}}}]"))
}

/// `tidegate setup aws`: its exit code and what it said.
fn setup(place: &Place, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    let output = command.args(["setup", "aws"]).args(arguments).arg("-c").arg(place.path("tidegate.yaml")).output().expect("it runs");
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// Somebody else who looks into the table.
struct Table {
    runtime: Runtime,
    client: Client,
    name: String,
}

impl Table {
    fn new(name: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        let loader = aws_config::defaults(BehaviorVersion::latest()).region(Region::new("us-east-1")).endpoint_url(url());
        let client = Client::new(&runtime.block_on(loader.load()));
        Table { runtime, client, name: name.to_owned() }
    }

    fn row(&self) -> HashMap<String, AttributeValue> {
        let call =
            self.client.get_item().table_name(&self.name).key("leaseKey", AttributeValue::S("tidegate".into())).consistent_read(true);
        self.runtime.block_on(call.send()).expect("read").item.expect("a row")
    }

    fn number(&self, name: &str) -> u64 {
        self.row()[name].as_n().expect("a number").parse().expect("a number")
    }

    fn owner(&self) -> Option<String> {
        self.row().get("leaseOwner").map(|owner| owner.as_s().expect("a text").clone())
    }
}

fn table_name(name: &str) -> String {
    format!("tidegate-{name}-{}", std::process::id())
}

#[test]
fn setup_makes_the_table_and_a_start_without_it_says_so() {
    let table = table_name("setup");
    let place = place("setup", &table, "3s");
    let (status, log) = place.start().end();
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains("make it with `tidegate setup aws`"), "{log}");
    let (code, text) = setup(&place, &["--dry-run"]);
    assert!(code == Some(1) && text.contains("would be made"), "{code:?} {text}");
    let (code, text) = setup(&place, &[]);
    assert!(code == Some(0) && text.contains(": made"), "{code:?} {text}");
    let (code, text) = setup(&place, &["--dry-run"]);
    assert!(code == Some(0) && text.contains(": unchanged"), "{code:?} {text}");
}

#[test]
fn a_second_one_elsewhere_is_refused_and_a_standby_follows_a_dead_owner_at_once() {
    let table = table_name("refused");
    let (here, elsewhere) = (place("here", &table, "9s"), place("elsewhere", &table, "9s"));
    assert_eq!(setup(&here, &[]).0, Some(0));
    let (first, rows) = (here.start(), Table::new(&table));
    first.says("started");
    here.append("in/shop.ndjson", &event("denied", "m1", 1));
    here.wait_alert("denied", "m1");

    let clock = Stopwatch::start();
    let (status, log) = elsewhere.start().end();
    assert_eq!(status.code(), Some(3), "{log}");
    assert!(clock.elapsed() < Duration::from_secs(9), "it saw the owner live within {:?}", clock.elapsed());
    assert!(log.contains(&format!("pid {} on ", first.pid())) && log.contains("reads these sources since 20"), "{log}");
    assert!(!log.contains("started"), "nothing was read: {log}");

    let mut doctor = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    let output = doctor.args(["doctor", "-c"]).arg(here.path("tidegate.yaml")).output().expect("it runs");
    let seen = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(seen.contains("row `tidegate` of DynamoDB table") && seen.contains(&format!("is held by pid {} on ", first.pid())), "{seen}");

    let standby = here.start();
    standby.says("standby: ");
    let epoch = rows.number("stateEpoch");
    first.signal("KILL");
    let clock = Stopwatch::start();
    standby.says("started");
    println!("a standby followed a dead owner after {:?} (its row would have lasted 9 s)", clock.elapsed());
    assert!(clock.elapsed() < Duration::from_secs(6), "{:?}", clock.elapsed());
    assert_eq!(rows.number("stateEpoch"), epoch + 1);
    here.append("in/shop.ndjson", &event("denied", "m2", 2));
    here.wait_alert("denied", "m2");

    standby.stop();
    assert_eq!(rows.owner(), None, "a clean stop gives the row back");
    let clock = Stopwatch::start();
    let next = elsewhere.start();
    next.says("started");
    assert!(clock.elapsed() < Duration::from_secs(6), "nothing was waited for: {:?}", clock.elapsed());
    assert!(rows.owner().is_some_and(|owner| owner.starts_with("tidegate/") && owner.contains(&format!("/{}/", next.pid()))));
    next.stop();
}

#[test]
fn a_stopped_owner_is_followed_after_its_lease_and_can_do_nothing_when_it_wakes() {
    let table = table_name("zombie");
    let (here, elsewhere) = (place("stopped", &table, "3s"), place("follows", &table, "3s"));
    assert_eq!(setup(&here, &[]).0, Some(0));
    let (first, rows) = (here.start(), Table::new(&table));
    first.says("started");
    here.append("in/shop.ndjson", &event("denied", "m1", 1));
    here.wait_alert("denied", "m1");
    let counter = rows.number("leaseCounter");
    until("a renewal", || (rows.number("leaseCounter") > counter).then_some(()));

    first.signal("STOP");
    let clock = Stopwatch::start();
    let second = elsewhere.start();
    second.says("watching whether it lives");
    second.says("started");
    println!("a stopped owner was followed after {:?} (a lease of 3 s)", clock.elapsed());
    assert!(clock.elapsed() >= Duration::from_secs(3) && clock.elapsed() < Duration::from_secs(20), "{:?}", clock.elapsed());
    here.append("in/shop.ndjson", &event("denied", "m2", 2));
    first.signal("CONT");
    let (status, log) = Service::end(first);
    assert_eq!(status.code(), Some(3), "{log}");
    assert!(log.contains(&format!("pid {} on ", second.pid())) && log.contains("has taken row `tidegate`"), "{log}");
    assert_eq!(log.matches(" page: ").count(), 1, "it paged once, before it was stopped: {log}");
    assert!(here.alerts().iter().all(|alert| !alert.to_string().contains("m2")), "{log}");
    second.stop();
}
