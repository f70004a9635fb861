//! A service on 127.0.0.1 that answers what a test tells it to: Kinesis, and STS.

use flate2::Crc;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A call.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// `ListShards`; of STS its form.
    pub(crate) what: String,
    pub(crate) authorization: String,
    pub(crate) body: String,
}

impl Call {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// What is answered.
pub(crate) enum Reply {
    Json(Value),
    Error(&'static str),
    Xml(String),
    /// STS's refusal.
    Denied,
    /// Events of a subscription; then silence, or an end.
    Events(Vec<Value>, After),
}

pub(crate) enum After {
    Silence,
    End,
}

pub(crate) struct Stub {
    pub(crate) url: String,
    pub(crate) calls: Arc<Mutex<Vec<Call>>>,
}

impl Stub {
    pub(crate) fn start(answer: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (answer, noted) = (Arc::new(answer), calls.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, noted) = (answer.clone(), noted.clone());
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream);
                    while let Some(call) = read(&mut reader) {
                        noted.lock().expect("calls").push(call.clone());
                        if write(reader.get_mut(), answer(&call)).is_none() {
                            return;
                        }
                    }
                });
            }
        });
        Stub { url, calls }
    }

    pub(crate) fn count(&self, what: &str) -> usize {
        self.calls.lock().expect("calls").iter().filter(|call| call.what == what).count()
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Call> {
    let (mut length, mut line) = (0, String::new());
    let mut call = Call { what: String::new(), authorization: String::new(), body: String::new() };
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    loop {
        line.clear();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "x-amz-target" => call.what = value.rsplit('.').next().unwrap_or_default().to_owned(),
            "authorization" => value.clone_into(&mut call.authorization),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    call.body = String::from_utf8_lossy(&body).into_owned();
    if call.what.is_empty() {
        call.what = call.body.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or_default().to_owned();
    }
    Some(call)
}

/// `None`: the connection is over.
fn write(stream: &mut TcpStream, reply: Reply) -> Option<()> {
    let whole = |status: &str, kind: &str, text: &str| {
        format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{text}", text.len())
    };
    let json = "application/x-amz-json-1.1";
    match reply {
        Reply::Json(value) => stream.write_all(whole("200 OK", json, &value.to_string()).as_bytes()).ok(),
        Reply::Error(code) => {
            let text = format!("{{\"__type\":\"{code}\",\"message\":\"so it is\"}}");
            stream.write_all(whole("400 Bad Request", json, &text).as_bytes()).ok()
        }
        Reply::Denied => {
            let text = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>AccessDenied</Code>\
                <Message>not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>";
            stream.write_all(whole("403 Forbidden", "text/xml", text).as_bytes()).ok()
        }
        Reply::Xml(text) => stream.write_all(whole("200 OK", "text/xml", &text).as_bytes()).ok(),
        Reply::Events(events, after) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\nconnection: close\r\n\r\n").ok()?;
            stream.write_all(&frame("initial-response", b"{}")).ok()?;
            for event in events {
                stream.write_all(&frame("SubscribeToShardEvent", event.to_string().as_bytes())).ok()?;
            }
            if matches!(after, After::Silence) {
                std::thread::sleep(Duration::from_secs(60));
            }
            None
        }
    }
}

/// A message of an event stream: lengths, their checksum, headers, payload, checksum of all.
fn frame(kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in [(":message-type", "event"), (":event-type", kind), (":content-type", "application/x-amz-json-1.1")] {
        headers.push(name.len() as u8);
        headers.extend(name.as_bytes());
        headers.push(7);
        headers.extend((value.len() as u16).to_be_bytes());
        headers.extend(value.as_bytes());
    }
    let checksum = |bytes: &[u8]| {
        let mut crc = Crc::new();
        crc.update(bytes);
        crc.sum().to_be_bytes()
    };
    let mut out = Vec::new();
    out.extend((16 + headers.len() as u32 + payload.len() as u32).to_be_bytes());
    out.extend((headers.len() as u32).to_be_bytes());
    out.extend(checksum(&out));
    out.extend(headers);
    out.extend(payload);
    out.extend(checksum(&out));
    out
}
