//! A Kinesis Data Streams of this machine for tests: the ferrokinesis library behind a listener on 127.0.0.1.
//!
//! `test-kinesis PORT [ITERATOR-SECONDS]`: how long an iterator lives; 300 as at AWS. Keeps everything in memory and ends when it is
//! killed. Owns the listener and nothing else.

use ferrokinesis::store::StoreOptions;
use std::net::Ipv4Addr;

/// PutRecords carries up to 10 MiB, and base64 makes it a third more.
const BODY_BYTES_MAX: usize = 16 << 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let port: u16 = words.first().ok_or("usage: test-kinesis PORT [ITERATOR-SECONDS]")?.parse()?;
    let iterator_ttl_seconds = words.get(1).map_or(Ok(300), |seconds| seconds.parse())?;
    let options = StoreOptions { create_stream_ms: 0, delete_stream_ms: 0, update_stream_ms: 20, shard_limit: 500, iterator_ttl_seconds, ..StoreOptions::default() };
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let (service, _store) = ferrokinesis::create_app(options);
    axum::serve(listener, service.layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX))).await?;
    Ok(())
}
