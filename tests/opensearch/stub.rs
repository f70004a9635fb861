//! A server on loopback that speaks enough of OpenSearch: an index with external versions, and faults by order.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tidegate::io::opensearch::{Access, Client, OpenSearchSink, Settings};
use tidegate::io::port::Delivery;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    /// Not compressed any more.
    pub(crate) body: String,
}

/// One document of a bulk request.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) index: String,
    pub(crate) id: String,
    pub(crate) version: u64,
    pub(crate) document: String,
}

impl Request {
    pub(crate) fn documents(&self) -> Vec<Sent> {
        let lines: Vec<&str> = self.body.lines().collect();
        let read = |pair: &[&str]| {
            let action: Value = serde_json::from_str(pair[0]).expect("an action");
            let index = &action["index"];
            assert_eq!(index["version_type"], "external");
            let text = |name: &str| index[name].as_str().expect("a text").to_owned();
            let version = index["version"].as_u64().expect("a version");
            Sent { index: text("_index"), id: text("_id"), version, document: pair[1].to_owned() }
        };
        lines.chunks(2).map(read).collect()
    }
}

/// How a request is answered.
pub(crate) enum Answer {
    /// With a status and a body.
    Status(u16, String),
    /// Item by item: a status and the error for it. Those with 200 are indexed.
    Items(Vec<(u16, Value)>),
    /// The index takes it, as OpenSearch would.
    Taken,
    /// The connection is cut.
    Cut,
    /// The index takes it, and the connection is cut within the answer.
    TakenAndCut,
    /// The index takes it, and the answer comes after a while.
    TakenLate(Duration),
    /// A body that has no end.
    Endless,
}

type Script = Box<dyn FnMut(&Request) -> Answer + Send>;

#[derive(Default)]
pub(crate) struct Index {
    /// Id -> version and document.
    pub(crate) documents: BTreeMap<String, (u64, String)>,
    pub(crate) requests: Vec<Request>,
    /// How often each (id, version) came.
    pub(crate) attempts: BTreeMap<(String, u64), usize>,
    /// Bytes of an endless answer that went out.
    pub(crate) endless_bytes: u64,
    /// Documents that came again though they had been taken.
    pub(crate) conflicts: usize,
    templates: BTreeMap<String, Value>,
    /// Retention policies by path: as written, and how often.
    policies: BTreeMap<String, (Value, u64)>,
    /// Whether there is Index State Management.
    pub(crate) retention: bool,
}

/// The server. It ends with the process.
pub(crate) struct Stub {
    pub(crate) url: String,
    index: Arc<Mutex<Index>>,
}

impl Stub {
    pub(crate) fn start(script: impl FnMut(&Request) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let index = Arc::new(Mutex::new(Index::default()));
        let (shared, script) = (index.clone(), Arc::new(Mutex::new(Box::new(script) as Script)));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (index, script) = (shared.clone(), script.clone());
                std::thread::spawn(move || serve(stream, &index, &script));
            }
        });
        Stub { url, index }
    }

    pub(crate) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().expect("no test panics while it holds this")
    }

    pub(crate) fn client(&self, timeout: Duration) -> Client {
        Client::new(Settings { url: self.url.clone(), access: Access::Open, ca_file: None, timeout }).expect("a client")
    }

    pub(crate) fn sink(&self, bytes_max: usize) -> OpenSearchSink {
        let client = self.client(Duration::from_secs(20));
        OpenSearchSink::new(client, "tidegate-alerts".to_owned(), bytes_max, Box::new(|| Duration::from_secs(60)))
    }
}

fn serve(stream: TcpStream, index: &Mutex<Index>, script: &Mutex<Script>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut out = stream;
    while let Some(request) = read(&mut reader) {
        index.lock().expect("lock").requests.push(request.clone());
        let kept = if request.path.starts_with("/_bulk") {
            let answer = (script.lock().expect("lock"))(&request);
            let documents = request.documents();
            for sent in &documents {
                *index.lock().expect("lock").attempts.entry((sent.id.clone(), sent.version)).or_default() += 1;
            }
            give(&mut out, index, &documents, answer)
        } else if request.path.starts_with("/_plugins/") {
            let (status, body) = policy(&request, &mut index.lock().expect("lock"));
            write(&mut out, status, &body.to_string())
        } else {
            let (status, body) = template(&request, &mut index.lock().expect("lock"));
            write(&mut out, status, &body.to_string())
        };
        if kept.is_none() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |n| n.parse().expect("a length"));
    assert!(!headers.contains_key("transfer-encoding"), "OpenSearch asks for bodies of a stated length");
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes).ok()?;
    let mut body = String::new();
    if headers.get("content-encoding").is_some_and(|e| e == "gzip") {
        flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut body).expect("gzip");
    } else {
        body = String::from_utf8(bytes).expect("text");
    }
    Some(Request { method, path, headers, body })
}

fn write(out: &mut TcpStream, status: u16, body: &str) -> Option<()> {
    write!(out, "HTTP/1.1 {status} X\r\ncontent-length: {}\r\ncontent-type: application/json\r\n\r\n{body}", body.len()).ok()
}

fn take(index: &Mutex<Index>, sent: &Sent) -> Value {
    let mut index = index.lock().expect("lock");
    let held = index.documents.get(&sent.id).map_or(0, |(version, _)| *version);
    if sent.version <= held {
        index.conflicts += 1;
        let error = json!({"type": "version_conflict_engine_exception", "reason": format!("[{}]: version conflict", sent.id)});
        return json!({"index": {"_id": sent.id, "status": 409, "error": error}});
    }
    index.documents.insert(sent.id.clone(), (sent.version, sent.document.clone()));
    json!({"index": {"_id": sent.id, "status": 201}})
}

fn give(out: &mut TcpStream, index: &Mutex<Index>, documents: &[Sent], answer: Answer) -> Option<()> {
    let all = || json!({"took": 1, "errors": false, "items": documents.iter().map(|d| take(index, d)).collect::<Vec<_>>()}).to_string();
    match answer {
        Answer::Status(status, body) => write(out, status, &body),
        Answer::Taken => write(out, 200, &all()),
        Answer::Items(told) => {
            let one = |(sent, (status, error)): (&Sent, (u16, Value))| match status {
                200 => take(index, sent),
                _ => json!({"index": {"_id": sent.id, "status": status, "error": error}}),
            };
            let items: Vec<Value> = documents.iter().zip(told).map(one).collect();
            write(out, 200, &json!({"took": 1, "errors": true, "items": items}).to_string())
        }
        Answer::Cut => None,
        Answer::TakenAndCut => {
            let body = all();
            let _ = write!(out, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{}", body.len(), &body[..body.len() / 2]);
            None
        }
        Answer::TakenLate(wait) => {
            let body = all();
            std::thread::sleep(wait);
            write(out, 200, &body)
        }
        Answer::Endless => {
            let _ = write!(out, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 1u64 << 30);
            let piece = vec![b' '; 1 << 20];
            for _ in 0..1024 {
                out.write_all(&piece).ok()?;
                index.lock().expect("lock").endless_bytes += piece.len() as u64;
            }
            None
        }
    }
}

/// Policies as the documented API of Index State Management keeps them: an update must name what it replaces, and what comes back is
/// more than what was written.
fn policy(request: &Request, index: &mut Index) -> (u16, Value) {
    if !index.retention {
        return (400, json!({"error": format!("no handler found for uri [{}] and method [{}]", request.path, request.method)}));
    }
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let fault = |status: u16, kind: &str| (status, json!({"error": {"type": kind, "reason": "because of the test"}, "status": status}));
    let held = index.policies.get(path).cloned();
    if request.method == "GET" {
        let Some((mut policy, number)) = held else { return fault(404, "status_exception") };
        let name = path.rsplit('/').next().expect("a name");
        policy["policy_id"] = json!(name);
        policy["schema_version"] = json!(21);
        policy["last_updated_time"] = json!(1_795_456_384_000_i64);
        policy["error_notification"] = Value::Null;
        policy["ism_template"][0]["last_updated_time"] = json!(1_795_456_384_000_i64);
        let retry = json!({"count": 3, "backoff": "exponential", "delay": "1m"});
        for action in policy["states"].as_array_mut().into_iter().flatten().flat_map(|s| s["actions"].as_array_mut().into_iter().flatten())
        {
            action["retry"] = retry.clone();
        }
        return (200, json!({"_id": name, "_version": number, "_seq_no": number, "_primary_term": 1, "policy": policy}));
    }
    let number = held.as_ref().map(|(_, number)| *number);
    if query != number.map_or_else(String::new, |number| format!("if_seq_no={number}&if_primary_term=1")) {
        return fault(409, "version_conflict_engine_exception");
    }
    let body: Value = serde_json::from_str(&request.body).expect("JSON");
    let number = number.unwrap_or(0) + 1;
    index.policies.insert(path.to_owned(), (body["policy"].clone(), number));
    (if number == 1 { 201 } else { 200 }, json!({"_seq_no": number, "_primary_term": 1}))
}

/// Templates as OpenSearch keeps them: settings come back as texts.
fn template(request: &Request, index: &mut Index) -> (u16, Value) {
    if request.path == "/" {
        return (200, json!({"version": {"distribution": "opensearch", "number": "3.8.0"}}));
    }
    if request.method == "PUT" {
        let body = serde_json::from_str(&request.body).expect("JSON");
        index.templates.insert(request.path.clone(), body);
        return (200, json!({"acknowledged": true}));
    }
    let Some(body) = index.templates.get(&request.path) else {
        return (404, json!({"error": {"type": "resource_not_found_exception", "reason": "no such template"}}));
    };
    let mut body = body.clone();
    if let Some(settings) = body.pointer_mut("/template/settings/index") {
        settings["number_of_shards"] = json!("1");
    }
    let component = request.path.starts_with("/_component");
    let (list, one) = if component { ("component_templates", "component_template") } else { ("index_templates", "index_template") };
    (200, json!({list: [{"name": "n", one: body}]}))
}

/// A delivery of a document.
pub(crate) fn delivery(alert: &str, version: u64) -> Delivery {
    let document = json!({"finding_info": {"uid": alert}, "tidegate": {"revision": version}}).to_string();
    let route = "tidegate-alerts-v1-2026.11".into();
    Delivery { alert: alert.into(), version, route, document: document.into(), repeated: false }
}

/// `count` of them.
pub(crate) fn deliveries(count: usize) -> Vec<Delivery> {
    (0..count).map(|n| delivery(&format!("alert-{n:04}"), 1)).collect()
}
