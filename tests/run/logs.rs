//! What the program's log must never hold: secrets, and text of events as it came.

use crate::support::{BASE, Place, SHOP, Service, until};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const PASSWORD: &str = "tr0ub4dor-and-3";
/// `tidegate:tr0ub4dor-and-3`, as basic authentication sends it.
const ENCODED: &str = "dGlkZWdhdGU6dHIwdWI0ZG9yLWFuZC0z";
const HOSTILE: &str =
    "eve\n2099-01-01T00:00:00Z ERROR forged: all is well\r\u{1b}[2J\u{9b}31m\u{202e}\u{0}\u{2028}<script>${jndi:ldap://x}";

/// An OpenSearch that refuses everybody, and repeats what it was told. Gives its address, and how often it was asked.
fn refusing() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 16 << 10];
            let read = stream.read(&mut request).unwrap_or(0);
            let body = format!("refused: {}", String::from_utf8_lossy(&request[..read]).escape_debug());
            let head = format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            // Who hangs up early has heard enough.
            let _ = stream.write_all((head + &body).as_bytes());
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    (address, asked)
}

fn run(name: &str, form: &str, level: &str) -> String {
    let (url, asked) = refusing();
    let sink = format!("opensearch: {{url: '{url}', user: tidegate, password: {{env: TIDEGATE_TEST_PASSWORD}}}}");
    let place = Place::new(name, &format!("sources: [{{name: shop, folder: ./in, {SHOP}}}]\nsinks: {{{sink}}}\nlog: {{format: {form}}}"));
    let event = json!({"time": BASE, "received": BASE, "who": HOSTILE, "result": "denied", "cloud": {"account": {"uid": HOSTILE}}});
    place.write("in/a.ndjson", format!("{event}\n{{\"broken\": \"{}\n", "\u{1b}[31m\u{202e}"));
    let mut command = place.command(env!("CARGO_BIN_EXE_tidegate"), &[]);
    command.env("TIDEGATE_LOG", level).env("TIDEGATE_TEST_PASSWORD", PASSWORD);
    let service = Service::start(command);
    place.wait_alerts(1);
    until("OpenSearch was asked", || (asked.load(Ordering::Relaxed) > 1).then_some(()));
    service.says("cannot take everything");
    service.signal("TERM");
    let (_, log) = service.end();
    assert!(!log.contains(PASSWORD) && !log.contains(ENCODED), "{name}: a secret: {log}");
    log
}

#[test]
fn a_log_of_text_holds_no_secret_and_no_line_of_an_attacker() {
    for level in ["info", "trace"] {
        let log = run(&format!("logs-{level}"), "text", level);
        let stray = |c: char| (c.is_control() && c != '\n') || ['\u{202e}', '\u{2028}'].contains(&c);
        assert!(!log.contains(stray), "{level}: {}", log.escape_debug());
        assert!(!log.lines().any(|line| line.starts_with("2099")), "{level}: {log}");
        assert!(log.contains(" page: "), "the page was logged: {log}");
    }
}

#[test]
fn a_log_of_json_is_one_object_a_line() {
    let log = run("logs-json", "json", "trace");
    // The last lines are for whoever started it, and no part of the log.
    let (objects, others): (Vec<&str>, Vec<&str>) = log.lines().partition(|line| line.starts_with('{'));
    objects.iter().for_each(|line| drop(serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"))));
    assert!(objects.len() > 3 && others.len() <= 3, "{others:?}");
    assert!(!log.contains(|c: char| c.is_control() && c != '\n'), "{}", log.escape_debug());
}
