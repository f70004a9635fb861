//! A place on disk with a configuration, the service over it, and the commands an operator has.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidegate::io::clock::Stopwatch;

/// Nothing that is waited for takes longer, on a busy machine either.
const DEADLINE: Duration = Duration::from_secs(60);

/// The second all events count from: 2026-11-02T10:00:00Z.
pub(crate) const BASE: i64 = 1_793_613_600;

/// One rule that is an alert by itself, and one that counts.
pub(crate) const RULES: &str = "title: Denied
id: denied
level: high
logsource: {product: shop, service: login}
detection: {s: {result: denied}, condition: s}
---
title: Three refusals
id: three
level: high
correlation:
    type: event_count
    rules: [refused]
    group-by: [who]
    timespan: 10m
    condition: {gte: 3}
---
title: Refused
id: refused
name: refused
logsource: {product: shop, service: login}
detection: {s: {result: refused}, condition: s}
";

/// The keys of a source of shop events.
pub(crate) const SHOP: &str = "format: json, json: {product: shop, service: login, time_field: time, arrival_field: received}";

/// An event of the shop, this many seconds after [`BASE`], arrived when it happened.
pub(crate) fn event(result: &str, who: &str, second: i64) -> String {
    let at = BASE + second;
    format!(
        "{{\"time\":{at},\"received\":{at},\"who\":\"{who}\",\"result\":\"{result}\",\"cloud\":{{\"account\":{{\"uid\":\"111122223333\"}}}}}}\n"
    )
}

/// Asks until there is an answer.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let clock = Stopwatch::start();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(clock.elapsed() < DEADLINE, "it never came: {what}");
        std::thread::sleep(Duration::from_millis(25));
    }
}

/// A folder with `tidegate.yaml`, rules and the state.
pub(crate) struct Place(PathBuf);

impl Place {
    /// With [`RULES`] and a configuration of these lines beside `rules`.
    pub(crate) fn new(name: &str, config: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tidegate-run-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(path.join("in")).expect("temp folder");
        let place = Place(path);
        place.write("rules/rules.yml", RULES);
        place.configure(config);
        place
    }

    pub(crate) fn configure(&self, config: &str) {
        self.write("tidegate.yaml", format!("state: ./state.db\nrules: [./rules]\n{config}\n"));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file whole: whoever watches never sees half of it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let (path, part) = (self.path(name), self.path(&format!("{name}.part")));
        std::fs::create_dir_all(path.parent().expect("below the folder")).expect("folder");
        std::fs::write(&part, content).expect("write");
        std::fs::rename(part, path).expect("rename");
    }

    pub(crate) fn append(&self, name: &str, content: &str) {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(self.path(name)).expect("open");
        file.write_all(content.as_bytes()).expect("append");
    }

    pub(crate) fn start(&self) -> Service {
        Service::start(self.command(env!("CARGO_BIN_EXE_tidegate"), &[]))
    }

    /// The service, by this program and its arguments, which end with the binary where it is another one.
    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).args(["run", "-c"]).arg(self.path("tidegate.yaml")).current_dir(&self.0);
        command.env_remove("TIDEGATE_LOG").env_remove("TIDEGATE_STATE").env_remove("TIDEGATE_CONFIG");
        command
    }

    /// One of the operator's commands, over the state of this place.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(arguments).arg("--state").arg(self.path("state.db")).current_dir(&self.0);
        command.env_remove("TIDEGATE_CONFIG").output().expect("the binary runs")
    }

    fn answered(&self, arguments: &[&str]) -> Option<String> {
        let output = self.ask(arguments);
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Alerts, those that began last first. None while there is no state.
    pub(crate) fn alerts(&self) -> Vec<Value> {
        let text = self.answered(&["alerts", "list", "--json", "--limit", "100000"]).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("NDJSON")).collect()
    }

    /// Waits until there are this many alerts.
    pub(crate) fn wait_alerts(&self, count: usize) -> Vec<Value> {
        until(&format!("{count} alerts"), || Some(self.alerts()).filter(|alerts| alerts.len() >= count))
    }

    /// Waits for the alert of a rule about somebody.
    pub(crate) fn wait_alert(&self, rule: &str, who: &str) -> Value {
        let fits = |alert: &Value| alert["finding_info"]["analytic"]["uid"] == rule && alert.to_string().contains(who);
        until(&format!("an alert of {rule} about {who}"), || self.alerts().into_iter().find(fits))
    }

    pub(crate) fn quarantine(&self) -> Vec<Value> {
        let text = self.answered(&["quarantine", "list", "--json", "--limit", "1000"]).unwrap_or_else(|| "{\"items\":[]}".to_owned());
        let value: Value = serde_json::from_str(&text).expect("JSON");
        value["items"].as_array().cloned().unwrap_or_default()
    }

    /// Lines of the file of alerts: every version, in order.
    pub(crate) fn ndjson(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path("alerts.ndjson")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("NDJSON")).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// A running `tidegate run`.
pub(crate) struct Service {
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Service {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        let (log, stderr) = (Arc::new(Mutex::new(String::new())), child.stderr.take().expect("piped"));
        let told = log.clone();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut told = told.lock().expect("one writer");
                *told += &line;
                *told += "\n";
            }
        });
        Service { child, log, reader: Some(reader) }
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("one writer").clone()
    }

    /// Waits until the log says something; gives the line.
    pub(crate) fn says(&self, what: &str) -> String {
        let clock = Stopwatch::start();
        loop {
            let log = self.log();
            if let Some(line) = log.lines().find(|line| line.contains(what)) {
                return line.to_owned();
            }
            assert!(clock.elapsed() < DEADLINE, "it never said `{what}`:\n{log}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// How often the log says something.
    pub(crate) fn said(&self, what: &str) -> usize {
        self.log().matches(what).count()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.pid());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("sh").success(), "{kill}");
    }

    /// Writes to its standard input.
    pub(crate) fn feed(&mut self, text: &str) {
        self.child.stdin.as_mut().expect("piped").write_all(text.as_bytes()).expect("feed");
    }

    /// Ends its standard input.
    pub(crate) fn close(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Waits for its end; gives how it ended and all it said.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let log = self.log.clone();
        let status = until("its end", || {
            let status = self.child.try_wait().expect("wait");
            if status.is_none() && log.lock().expect("one writer").len() > 4 << 20 {
                panic!("it talks without end");
            }
            status
        });
        self.reader.take().expect("one end").join().expect("reads");
        let log = self.log();
        (status, log)
    }

    /// Stops it as an operator does, and expects that all is well.
    pub(crate) fn stop(self) -> String {
        self.signal("TERM");
        let (status, log) = self.end();
        assert_eq!(status.code(), Some(0), "{log}");
        log
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Numbers of the lines a service ends with: records, events, filtered, quarantined, alerts, pages, deliveries that wait.
pub(crate) fn numbers(log: &str) -> BTreeMap<&'static str, u64> {
    let names = ["records", "events", "filtered", "quarantined", "alerts", "pages", "deliveries"];
    let last = |mark: &str| log.lines().rev().find(|line| line.contains(mark)).unwrap_or_else(|| panic!("no `{mark}`:\n{log}"));
    let words: Vec<&str> = [last(" pages; "), last("books: ")].iter().flat_map(|line| line.split([' ', ','])).collect();
    let number = |name: &&'static str| {
        let at = words.windows(2).find(|w| w[1] == *name || w[1] == format!("{name};")).unwrap_or_else(|| panic!("no {name}:\n{log}"));
        (*name, at[0].parse().unwrap_or_else(|_| panic!("no number of {name}:\n{log}")))
    };
    names.iter().map(number).collect()
}

/// Two runs found the same.
pub(crate) fn assert_same(found: &BTreeSet<String>, expected: &BTreeSet<String>) {
    let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).take(10).cloned().collect::<Vec<_>>().join("\n");
    assert!(
        found == expected,
        "{} and {}\ntoo much:\n{}\nmissing:\n{}",
        found.len(),
        expected.len(),
        only(found, expected),
        only(expected, found)
    );
}

/// What a run found, whatever its times of writing: episode, rule, key, count, first and last moment.
pub(crate) fn found(alerts: &[Value]) -> BTreeSet<String> {
    let line = |a: &Value| {
        let (t, info) = (&a["tidegate"], &a["finding_info"]);
        let parts =
            [&t["episode"]["uid"], &info["uid"], &t["group_key_text"], &a["count"], &info["first_seen_time"], &info["last_seen_time"]];
        format!("{} {}", info["analytic"]["uid"], parts.map(Value::to_string).join(" "))
    };
    let lines: BTreeSet<String> = alerts.iter().map(line).collect();
    assert_eq!(lines.len(), alerts.len(), "no two alerts are the same");
    lines
}
