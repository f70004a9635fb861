//! The core of Tidegate: pure, synchronous, deterministic. This page is the map.
//!
//! ```text
//! Record --Intake: decode -> enrich -> detect--> Entry --> log --> Pipeline: dedup -> correlate -> alert--> Effect --> sinks
//!          stateless, one for all cores                            stateful, one owner, a function of its log
//! ```
//!
//! | room | what it owns |
//! |---|---|
//! | [`event`] | the words: record, event, detection, ids, time, slots |
//! | [`decode`] | bytes -> units, in every envelope and format |
//! | [`normalize`] | names -> places, per source and shape |
//! | [`enrich`] | our own tables: accounts, networks, intelligence, geography |
//! | [`rule`] | Sigma: parse, link, lint |
//! | [`dedup`] | finding revisions, copies from other routes |
//! | [`detect`] | slot plan, candidate index, matcher: event -> detections |
//! | [`correlate`] | group keys, windows, episodes, state budget |
//! | [`alert`] | the OCSF document, the sentence "why", the page |
//! | [`pipeline`] | entries, Intake, Pipeline, effects, snapshots, the books |
//! | [`workbench`] | for rule authors: the test runner, explanations |
//! | [`generate`] | the synthetic organisation; never sees `decode` |
//!
//! Who may import whom: `event <- {decode, normalize, enrich, rule, dedup, generate} <- {detect, correlate} <- alert <- pipeline <-
//! workbench`. Siblings do not see each other. `core/tests/architecture.rs` and `clippy.toml` hold these walls.
//!
//! # Invariants (all are about absence)
//! 1. The core has no `async`, clock, randomness, lock, environment, log or metric call. Time is a parameter; statistics are returned.
//! 2. The core cannot fail on input: bad bytes become values ([`decode::DecodeError`]), counted and quarantined. It panics only
//!    on a broken invariant.
//! 3. No module is called utils, common, helpers or manager. No global state. No `unsafe` outside one file per need, with its proof.
//! 4. Live, replay, rule tests and simulation are drivers of *one* core.
//! 5. No hash order reaches state, effects or bytes.

pub mod alert;
pub mod correlate;
pub mod decode;
pub mod dedup;
pub mod detect;
pub mod enrich;
pub mod event;
pub mod generate;
pub mod normalize;
pub mod pipeline;
pub mod rule;
pub mod workbench;
