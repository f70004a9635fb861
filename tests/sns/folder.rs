//! A folder with rules, events and a configuration, and the binary in it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

const RULES: &str = "title: Denied
id: denied
level: critical
logsource: {product: shop, service: login}
detection: {s: {result: denied}, condition: s}
---
title: Refused
id: refused
level: high
logsource: {product: shop, service: login}
detection: {s: {result: refused}, condition: s}
";
const SOURCE: &str = "{name: shop, file: ./events.ndjson, follow: false, format: json, json: {product: shop, service: login, time_field: time, arrival_field: received}}";

/// It goes with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tidegate-sns-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("temp folder");
        let folder = Folder(path);
        std::fs::write(folder.path("rules.yml"), RULES).expect("write");
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Events of these results, one a second, each of another person.
    pub(crate) fn events(&self, name: &str, from: usize, results: &[&str]) {
        let event = |n: usize, result: &str| {
            let at = 1_793_613_600 + n;
            format!("{{\"time\":{at},\"received\":{at},\"who\":\"u{n}\",\"result\":\"{result}\"}}\n")
        };
        let text: String = results.iter().enumerate().map(|(n, result)| event(from + n, result)).collect();
        std::fs::write(self.path(name), text).expect("write");
    }

    /// The configuration: `state`, `rules`, the source of events, and these lines.
    pub(crate) fn configure(&self, lines: &str) {
        let text = format!("state: ./state.db\nrules: [./rules.yml]\nsources: [{SOURCE}]\n{lines}\n");
        std::fs::write(self.path("tidegate.yaml"), text).expect("write");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(arguments).current_dir(&self.0).env_remove("TIDEGATE_CONFIG").env_remove("TIDEGATE_LOG");
        // No account, no profile and no metadata address: a test meets nothing but the stand-in.
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL"] {
            command.env_remove(name);
        }
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_CONFIG_FILE", "/dev/null");
        command.env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        command
    }

    pub(crate) fn tidegate(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary runs")
    }

    /// The service; it dies with what is given back.
    pub(crate) fn start(&self) -> Running {
        let log = std::fs::File::create(self.path("log")).expect("a file");
        Running(self.command(&["run", "-c", "tidegate.yaml"]).stderr(Stdio::from(log)).spawn().expect("the binary runs"))
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(Path::new(&self.0));
    }
}

pub(crate) struct Running(Child);

impl Running {
    /// Whether it has ended by itself.
    pub(crate) fn ended(&mut self) -> bool {
        self.0.try_wait().expect("a child").is_some()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
