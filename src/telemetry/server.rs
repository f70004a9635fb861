//! The HTTP server: `/live`, `/ready`, `/metrics`, `/coverage`, and nothing else.
//!
//! Owns a thread with a runtime of its own, so that it answers while the loop is busy, waits as a standby or stands still. Only GET and
//! HEAD; a request says nothing but its path, and no byte of it is logged or sent back. Limits: [`CONNECTIONS_MAX`] connections at a
//! time, each for one request and at most [`CONNECTION_MAX`] long, whatever comes or does not come over it.
//!
//! An address that is taken is tried again every [`AGAIN`]: a standby on the same host has the same configuration, and takes the
//! address over with the rest.

use super::board::Board;
use super::health::{live, live_document, readiness, ready_document};
use super::metric::exposition;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::Listener;
use serde_json::Value;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

/// Connections at a time; further ones wait.
pub const CONNECTIONS_MAX: usize = 32;
/// Longest time of a connection.
pub const CONNECTION_MAX: Duration = Duration::from_secs(10);
/// An address that is taken is tried again after this.
pub const AGAIN: Duration = Duration::from_secs(1);
/// After an error of `accept` (no descriptor is free).
const REST: Duration = Duration::from_millis(200);

/// Starts it.
///
/// # Errors
/// If the address is none of this machine, or may not be used: in words.
pub fn serve(listen: SocketAddr, board: Board) -> Result<(), String> {
    let failed = |e: io::Error| format!("`http.listen`: cannot listen on {listen}: {e}; choose an address of this machine and a free port");
    let listener = match TcpListener::bind(listen) {
        Err(e) if e.kind() == io::ErrorKind::AddrInUse => {
            tracing::warn!("{listen} is taken: another process listens there; this one takes it over when it is free");
            None
        }
        other => Some(other.map_err(failed)?),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    std::thread::spawn(move || {
        let listener = listener.unwrap_or_else(|| wait(listen));
        let served = runtime.block_on(answer(listener, board));
        // The process goes on without: what it does is not what it tells.
        served.unwrap_or_else(|e| tracing::error!("health and metrics are not served any more: {e}"));
    });
    Ok(())
}

fn wait(listen: SocketAddr) -> TcpListener {
    loop {
        std::thread::sleep(AGAIN);
        if let Ok(listener) = TcpListener::bind(listen) {
            return listener;
        }
    }
}

async fn answer(listener: TcpListener, board: Board) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    tracing::info!(address = %listener.local_addr()?, "health and metrics are served");
    let door = Door { listener: tokio::net::TcpListener::from_std(listener)?, room: Arc::new(Semaphore::new(CONNECTIONS_MAX)) };
    axum::serve(door, routes(board)).await
}

fn routes(board: Board) -> Router {
    Router::new()
        .route("/live", get(live_answer))
        .route("/ready", get(ready_answer))
        .route("/metrics", get(metrics_answer))
        .route("/coverage", get(coverage_answer))
        .fallback(async || plain(StatusCode::NOT_FOUND, "there is /live, /ready, /metrics and /coverage\n"))
        .method_not_allowed_fallback(async || plain(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD only\n"))
        .with_state(board)
}

async fn live_answer(State(board): State<Board>) -> Response {
    let reading = board.read();
    json(if live(&reading) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &live_document(&reading))
}

async fn ready_answer(State(board): State<Board>) -> Response {
    let reading = board.read();
    let readiness = readiness(&reading);
    let status = if readiness.reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &ready_document(&reading, &readiness))
}

async fn metrics_answer(State(board): State<Board>) -> Response {
    match exposition(&board) {
        Ok(text) => answered(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text),
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n"),
    }
}

async fn coverage_answer(State(board): State<Board>) -> Response {
    json(StatusCode::OK, &board.coverage().document(board.read().started_ms))
}

fn json(status: StatusCode, document: &Value) -> Response {
    answered(status, "application/json", format!("{document}\n"))
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    answered(status, "text/plain; charset=utf-8", text.to_owned())
}

fn answered(status: StatusCode, kind: &'static str, body: String) -> Response {
    let value = HeaderValue::from_static;
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, value(kind)),
        (header::CACHE_CONTROL, value("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, value("nosniff")),
        // One request per connection: nobody's connection ends by its time-out between two requests.
        (header::CONNECTION, value("close")),
    ];
    (status, headers, body).into_response()
}

/// Lets connections in, as many as there is room for.
struct Door {
    listener: tokio::net::TcpListener,
    room: Arc<Semaphore>,
}

impl Listener for Door {
    type Io = Guest;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guest, SocketAddr) {
        loop {
            let room = self.room.clone().acquire_owned().await;
            match (room, self.listener.accept().await) {
                (Ok(room), Ok((stream, address))) => {
                    let limit = Box::pin(tokio::time::sleep(CONNECTION_MAX));
                    return (Guest { stream, limit, _room: room }, address);
                }
                _ => tokio::time::sleep(REST).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends in time.
struct Guest {
    stream: TcpStream,
    limit: Pin<Box<Sleep>>,
    _room: OwnedSemaphorePermit,
}

impl Guest {
    /// Nothing more is read or written when the time is over.
    fn over(&mut self, cx: &mut Context<'_>) -> Option<io::Error> {
        self.limit.as_mut().poll(cx).is_ready().then(|| io::ErrorKind::TimedOut.into())
    }
}

impl AsyncRead for Guest {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.over(cx) {
            Some(e) => Poll::Ready(Err(e)),
            None => Pin::new(&mut self.stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Guest {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.over(cx) {
            Some(e) => Poll::Ready(Err(e)),
            None => Pin::new(&mut self.stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
