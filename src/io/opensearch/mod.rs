//! OpenSearch: the sink of lane `opensearch`, and setting up what it writes into.
//!
//! Owns the wire: `_bulk` requests, what their answers mean item by item, templates, retention. Never decides what is indexed (the outbox
//! does), never waits between attempts (the lane does), never updates a document in part: every version is a whole document under
//! an external version, so the same again changes nothing and an older one changes nothing.
//!
//! Steps of a delivery: `sink` cuts deliveries into bodies and sends one after the other; `bulk` writes a body; `client`
//! carries it; `answer` reads what came back; `fault` says of each refusal whose it is: the document's (it goes to the
//! quarantine), the moment's (again, with smaller bodies) or the cluster's (again, with an alarm). Where nothing is taken, nothing more is sent.
//!
//! Limits: answers of 32 MiB; a request lasts at most its time-out and never longer than the lease; as many requests at a time as the
//! lane has batches. A time-out after sending is answered "again": external versions make that harmless.
//!
//! Decision: the HTTP library blocks as its callers do and has no runtime; TLS is rustls with aws-lc-rs, as it is everywhere here.
//! The roots are those of the system, or those of `ca_file` alone. A proxy named by the environment is not used.
//! Requests to AWS are signed over the compressed body (`access::Sign`; who signs is injected).
//! Known gaps: Amazon OpenSearch Serverless is not supported.

mod access;
mod answer;
mod bulk;
mod client;
mod fault;
mod policy;
mod secret;
mod setup;
mod sink;

pub use access::{Access, Locate, Sign, Signing};
pub use client::{Client, Reply, Settings, Unreached};
pub use secret::Secret;
pub use setup::{Change, Plan, plan, server};
pub use sink::{LANE, OpenSearchSink, Permit};
