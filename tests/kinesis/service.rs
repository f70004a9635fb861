//! The Kinesis source, and the program that reads with it, against a server that speaks Kinesis (`make kinesis-test`). Needs
//! TIDEGATE_KINESIS_URL, and fails without it: it is run by name only.

mod hand;
mod history;
mod idle;
mod large;
mod pushed;
mod reading;
mod reshard;
mod role;
mod run;
mod stub;
#[path = "../run/support.rs"]
#[expect(dead_code, reason = "what the tests of `tidegate run` need besides")]
mod support;
