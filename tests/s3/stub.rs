//! A bucket on loopback: it lists and gives objects, and does whatever a test wants it to do with single requests.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// Empty where it is a listing.
    pub(crate) key: String,
    /// Decoded.
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The prefix of a listing.
    pub(crate) fn prefix(&self) -> &str {
        self.query.get("prefix").map_or("", String::as_str)
    }
}

/// What is answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// So much of the body is sent, then the connection is closed.
    pub(crate) sent: usize,
}

impl Answer {
    pub(crate) fn new(status: u16, body: Vec<u8>) -> Self {
        Answer { status, headers: Vec::new(), sent: body.len(), body }
    }

    pub(crate) fn error(status: u16, code: &str) -> Self {
        Answer::new(status, format!("<Error><Code>{code}</Code><Message>as the test wants it</Message></Error>").into_bytes())
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// The server; it ends with the process.
pub(crate) struct Stub {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

type Objects = BTreeMap<String, Vec<u8>>;

impl Stub {
    /// Serves these objects of the bucket `logs`. `interfere` may answer in the place of the bucket, or change its answer.
    pub(crate) fn start(objects: Objects, interfere: impl Fn(&Request, Answer) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::new((objects, interfere, Arc::clone(&requests)));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &shared.0, &shared.1, &shared.2));
            }
        });
        Stub { url, requests }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no test fails inside").clone()
    }

    /// Listings, or requests for objects.
    pub(crate) fn listings(&self) -> Vec<Request> {
        self.requests().into_iter().filter(|request| request.key.is_empty()).collect()
    }

    pub(crate) fn gets(&self, key: &str) -> Vec<Request> {
        self.requests().into_iter().filter(|request| request.key == key).collect()
    }
}

fn serve(stream: TcpStream, objects: &Objects, interfere: &impl Fn(&Request, Answer) -> Answer, requests: &Mutex<Vec<Request>>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut out = stream;
    while let Some(request) = read(&mut reader) {
        requests.lock().expect("no test fails inside").push(request.clone());
        let answer = interfere(&request, if request.key.is_empty() { list(&request, objects) } else { get(&request, objects) });
        let mut head = format!("HTTP/1.1 {} X\r\ncontent-length: {}\r\n", answer.status, answer.body.len());
        answer.headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
        let sent = out.write_all((head + "\r\n").as_bytes()).and_then(|()| out.write_all(&answer.body[..answer.sent]));
        if sent.is_err() || answer.sent < answer.body.len() {
            let _ = out.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let target = line.split(' ').nth(1)?.to_owned();
    let mut request = Request::default();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        request.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    request.key = decoded(path.trim_start_matches('/').split_once('/').map_or("", |(_, key)| key));
    request.query = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (decoded(name), decoded(value))).collect();
    Some(request)
}

fn decoded(text: &str) -> String {
    let (mut out, bytes, mut at) = (Vec::new(), text.as_bytes(), 0);
    while at < bytes.len() {
        let code = (bytes[at] == b'%').then(|| u8::from_str_radix(&text[at + 1..at + 3], 16).expect("hexadecimal"));
        out.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).expect("UTF-8")
}

fn list(request: &Request, objects: &Objects) -> Answer {
    let (prefix, delimiter) = (request.prefix(), request.query.get("delimiter").map(String::as_str));
    let (mut folders, mut keys) = (BTreeSet::new(), String::new());
    for (key, body) in objects.iter().filter(|(key, _)| key.starts_with(prefix)) {
        match delimiter.and_then(|d| key[prefix.len()..].find(d)) {
            Some(end) => drop(folders.insert(&key[..=prefix.len() + end])),
            None => keys += &format!("<Contents><Key>{key}</Key><Size>{}</Size></Contents>", body.len()),
        }
    }
    let folders: String = folders.iter().map(|folder| format!("<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>")).collect();
    let xml = format!("<ListBucketResult><IsTruncated>false</IsTruncated>{keys}{folders}</ListBucketResult>");
    Answer::new(200, xml.into_bytes())
}

fn get(request: &Request, objects: &Objects) -> Answer {
    let Some(body) = objects.get(&request.key) else { return Answer::error(404, "NoSuchKey") };
    let from = request.header("range").strip_prefix("bytes=").and_then(|range| range.strip_suffix('-')?.parse::<usize>().ok());
    let answer = match from {
        Some(from) => {
            Answer::new(206, body[from..].to_vec()).with("content-range", &format!("bytes {from}-{}/{}", body.len() - 1, body.len()))
        }
        None => Answer::new(200, body.clone()),
    };
    answer.with("etag", "\"one\"")
}
