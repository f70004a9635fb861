//! What is read: names become inputs, and what their paths say is not asked for is left out.
//!
//! Owns who makes the inputs of a scheme, and counts those left out. Never opens one.

use super::Arguments;
use crate::cli::Failure;
#[cfg(feature = "aws")]
use crate::cli::screen;
use crate::io::input::{Input, expand};
use crate::io::selection::{LeftOut, Selection};

/// Threads that read what is not on this machine: most of their time they wait for an answer.
const FAR_THREADS: usize = 16;

/// The inputs that were named and are selected, for events in this range of time.
pub(super) fn named(arguments: &Arguments, range_ms: (i64, i64)) -> Result<(Vec<Input>, LeftOut), Failure> {
    let selection = arguments.selection.selection(range_ms);
    let mut left_out = LeftOut::default();
    let mut inputs = expand(&arguments.inputs, &mut |name| far(name, arguments, &selection, &mut left_out)).map_err(Failure::failed)?;
    inputs.retain(|input| match input {
        Input::File(path) => left_out.keep(selection.judge(&path.to_string_lossy())),
        Input::Stdin | Input::Far(_) => true,
    });
    Ok((inputs, left_out))
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
