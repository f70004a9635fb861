//! Sigma: files of rules in, a [`RuleSet`] or a list of everything that is wrong with them out.
//!
//! Owns parsing, linking (names to rules, filters into rules), linting and the meaning digest. Never sees an event, and does
//! not know what a field of a source is called elsewhere. Limits: a rule file is at most 1 MiB; YAML nesting 64; 100 uses of
//! aliases; a regex compiles to at most 1 MiB and runs in linear time; a threshold is at most 10,000.

pub mod ast;

pub use ast::*;
