//! What is read: names become inputs, and what their paths say is not asked for is left out.
//!
//! Owns who makes the inputs of a scheme, and counts those left out. Never opens one.

use super::Arguments;
use crate::cli::Failure;
#[cfg(feature = "aws")]
use crate::cli::screen;
use crate::io::input::{Input, expand};
use crate::io::selection::{LeftOut, Selection};
use crate::io::tally::Tally;
use std::sync::Arc;

/// Threads that read what is not on this machine: most of their time they wait for an answer.
const FAR_THREADS: usize = 16;

/// What is to be read.
#[derive(Debug)]
pub(super) struct Inputs {
    /// In the order in which they are read.
    pub(super) inputs: Vec<Input>,
    /// They carry arrivals, and come in their order.
    pub(super) stamped: bool,
}

/// The inputs that were named and are selected, for events in this range of time.
pub(super) fn named(arguments: &Arguments, range_ms: (i64, i64), tally: &Arc<Tally>) -> Result<(Inputs, LeftOut), Failure> {
    #[cfg(feature = "aws")]
    let (far_away, stamped, names) = super::far::inputs(arguments, range_ms, tally)?;
    #[cfg(not(feature = "aws"))]
    let (far_away, stamped, names) = {
        let _ = tally;
        (Vec::new(), false, arguments.inputs.clone())
    };
    let selection = arguments.selection.selection(range_ms);
    let mut left_out = LeftOut::default();
    let mut inputs = expand(&names, &mut |name| far(name, arguments, &selection, &mut left_out)).map_err(Failure::failed)?;
    inputs.retain(|input| match input {
        Input::File(path) => left_out.keep(selection.judge(&path.to_string_lossy())),
        Input::Stdin | Input::Far(_) => true,
    });
    inputs.extend(far_away);
    if stamped && inputs.len() > 1 {
        let why = "a stream has arrival times and is replayed in their order, which other inputs do not have";
        return Err(Failure::usage(format!("kinesis: stands beside other inputs; {why}: replay them one at a time")));
    }
    Ok((Inputs { inputs, stamped }, left_out))
}

/// Inputs of a name that is no path.
#[cfg(feature = "aws")]
fn far(name: &str, arguments: &Arguments, selection: &Selection, left_out: &mut LeftOut) -> Result<Option<Vec<Input>>, String> {
    if !name.starts_with("s3://") {
        return Ok(None);
    }
    let progress = screen::count_progress("objects");
    let listed = crate::io::aws::s3::list(name, arguments.aws.access(), selection, &|objects| progress.set_position(objects));
    progress.finish_and_clear();
    let listed = listed?;
    left_out.add(listed.left_out);
    Ok(Some(listed.inputs))
}

#[cfg(not(feature = "aws"))]
fn far(_name: &str, _arguments: &Arguments, _selection: &Selection, _left_out: &mut LeftOut) -> Result<Option<Vec<Input>>, String> {
    Ok(None)
}

/// How many threads read these inputs, where nothing was said.
pub(super) fn threads(inputs: &[Input]) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let far = inputs.iter().any(|input| matches!(input, Input::Far(_)));
    if far { cores.max(FAR_THREADS) } else { cores }
}
