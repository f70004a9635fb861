//! A server on loopback that speaks enough of SNS's query protocol: it publishes, drops repetitions on FIFO topics, and fails by
//! order. What it took is what a subscriber would have got.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tidegate::io::aws::client::Access;
use tidegate::io::aws::sns::{Topic, TopicSettings};

/// A call of `Publish`, its parameters by name.
#[derive(Debug, Clone)]
pub(crate) struct Call(pub(crate) BTreeMap<String, String>);

impl Call {
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The event for machines.
    pub(crate) fn event(&self) -> serde_json::Value {
        let body = self.text("Message").to_owned();
        let body = match self.text("MessageStructure") {
            "json" => {
                let forms: serde_json::Value = serde_json::from_str(&body).expect("a JSON object of forms");
                forms["sqs"].as_str().expect("a form for SQS").to_owned()
            }
            _ => body,
        };
        serde_json::from_str(&body).expect("the event is JSON")
    }

    /// The alert it is about.
    pub(crate) fn alert(&self) -> String {
        self.event()["dedup_key"].as_str().expect("a key").to_owned()
    }

    /// A mark that stands in the event.
    pub(crate) fn mark(&self, name: &str) -> bool {
        !self.event()["payload"]["custom_details"][name].is_null()
    }
}

/// How a call is answered.
#[derive(Clone)]
pub(crate) enum Answer {
    /// Taken.
    Taken,
    /// An error of SNS: status, code, message.
    Error(u16, &'static str, &'static str),
    /// A status and a body that SNS would not give.
    Foreign(u16, &'static str),
    /// The connection is cut before anything is taken.
    Cut,
    /// Taken, and the connection is cut before the answer.
    TakenAndCut,
    /// Taken, and the answer comes after this.
    TakenLate(Duration),
    /// Taken, and the connection is closed after the answer.
    TakenAndClosed,
}

type Script = Box<dyn FnMut(&Call) -> Answer + Send>;

#[derive(Default)]
pub(crate) struct Book {
    /// Every call, taken or not.
    pub(crate) calls: Vec<Call>,
    /// What subscribers got.
    pub(crate) taken: Vec<Call>,
    deduplicated: BTreeSet<String>,
}

impl Book {
    /// How often subscribers got each alert.
    pub(crate) fn alerts(&self) -> BTreeMap<String, usize> {
        let mut out = BTreeMap::new();
        self.taken.iter().for_each(|call| *out.entry(call.alert()).or_default() += 1);
        out
    }
}

/// The server. It ends with the process.
pub(crate) struct Stub {
    pub(crate) url: String,
    book: Arc<Mutex<Book>>,
}

impl Stub {
    pub(crate) fn start(script: impl FnMut(&Call) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let book = Arc::new(Mutex::new(Book::default()));
        let (shared, script) = (book.clone(), Arc::new(Mutex::new(Box::new(script) as Script)));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (book, script) = (shared.clone(), script.clone());
                std::thread::spawn(move || serve(stream, &book, &script));
            }
        });
        Stub { url, book }
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("no test panics while it holds this")
    }

    /// A topic here.
    pub(crate) fn topic(&self, name: &str, timeout: Duration) -> Topic {
        topic(&self.url, &format!("arn:aws:sns:us-east-1:123456789012:{name}"), timeout)
    }
}

/// A topic at an endpoint.
pub(crate) fn topic(url: &str, arn: &str, timeout: Duration) -> Topic {
    let access = Access { region: Some("us-east-1".to_owned()), endpoint_url: Some(url.to_owned()), ..Access::default() };
    Topic::new(TopicSettings { arn: arn.to_owned(), access, timeout })
}

/// An address where nobody listens.
pub(crate) fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

/// A topic as `GetTopicAttributes` shows it.
const ATTRIBUTES: &str = "<GetTopicAttributesResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><GetTopicAttributesResult><Attributes>\
<entry><key>SubscriptionsConfirmed</key><value>2</value></entry><entry><key>SubscriptionsPending</key><value>1</value></entry>\
</Attributes></GetTopicAttributesResult></GetTopicAttributesResponse>";

fn serve(stream: TcpStream, book: &Mutex<Book>, script: &Mutex<Script>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut out = stream;
    while let Some(call) = read(&mut reader) {
        let answer = match call.text("Action") {
            "Publish" => {
                let answer = (script.lock().expect("lock"))(&call);
                book.lock().expect("lock").calls.push(call.clone());
                answer
            }
            _ => match (script.lock().expect("lock"))(&call) {
                Answer::Taken => Answer::Foreign(200, ATTRIBUTES),
                other => other,
            },
        };
        if give(&mut out, book, call, answer).is_none() {
            return;
        }
    }
}

fn take(book: &Mutex<Book>, call: Call) -> String {
    let mut book = book.lock().expect("lock");
    let key = format!("{} {}", call.text("TopicArn"), call.text("MessageDeduplicationId"));
    let fifo = call.text("TopicArn").ends_with(".fifo");
    if !fifo || book.deduplicated.insert(key) {
        book.taken.push(call);
    }
    let id = format!("message-{}", book.taken.len());
    let result = format!("<PublishResult><MessageId>{id}</MessageId></PublishResult>");
    format!("<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">{result}</PublishResponse>")
}

fn give(out: &mut TcpStream, book: &Mutex<Book>, call: Call, answer: Answer) -> Option<()> {
    match answer {
        Answer::Taken => write(out, 200, &take(book, call)),
        Answer::TakenAndClosed => {
            write(out, 200, &take(book, call));
            None
        }
        Answer::TakenLate(wait) => {
            let body = take(book, call);
            std::thread::sleep(wait);
            write(out, 200, &body)
        }
        Answer::TakenAndCut => {
            take(book, call);
            None
        }
        Answer::Cut => None,
        Answer::Foreign(status, body) => write(out, status, body),
        Answer::Error(status, code, message) => {
            let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>");
            let body = format!(
                "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">{error}<RequestId>r</RequestId></ErrorResponse>"
            );
            write(out, status, &body)
        }
    }
}

fn write(out: &mut TcpStream, status: u16, body: &str) -> Option<()> {
    let head = format!("HTTP/1.1 {status} X\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n", body.len());
    out.write_all(format!("{head}{body}").as_bytes()).ok()
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Call> {
    let mut length = 0;
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).expect("a form is ASCII");
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    Some(Call(pairs.map(|(name, value)| (plain(name), plain(value))).collect()))
}

/// A form's text.
fn plain(text: &str) -> String {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        match bytes[at] {
            b'+' => out.push(b' '),
            b'%' => {
                out.push(u8::from_str_radix(&text[at + 1..at + 3], 16).expect("two digits"));
                at += 2;
            }
            byte => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8(out).expect("UTF-8")
}
