//! `tidegate alerts show`.

use crate::cli::story::{Line, Style, Telling, story};
use crate::cli::{Exit, Failure, columns, screen, state};
use std::path::PathBuf;

const EXAMPLES: &str = "Examples:
  tidegate alerts show a3f1c09b               the first characters of an id are enough, if no other begins so
  tidegate alerts show a3f1c09b --events      with the text of the events themselves
  tidegate alerts show a3f1c09b --json        the document";

/// Width of a story that goes to a file or pipe.
const WIDTH_WITHOUT_TERMINAL: usize = 100;
/// Widest story: longer lines are hard to read.
const WIDTH_MAX: usize = 140;

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// Id of the alert, or its first characters
    #[arg(value_name = "ALERT")]
    alert: String,
    /// State file (default: TIDEGATE_STATE, else that of TIDEGATE_CONFIG or ./tidegate.yaml, else ./tidegate.db)
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Show the text of the events too
    #[arg(long, conflicts_with = "json")]
    events: bool,
    /// Print the document instead
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let document = state::open(arguments.state.as_ref())?.alert(&arguments.alert)?;
    if arguments.json {
        screen::print([format!("{document:#}")])?;
    } else {
        let width = columns::terminal_width().map_or(WIDTH_WITHOUT_TERMINAL, |w| w.min(WIDTH_MAX));
        screen::print(story(&document, Telling { width, events: arguments.events }).iter().map(painted))?;
    }
    Ok(Exit::Fine)
}

fn painted(line: &Line) -> String {
    match line.style {
        Style::Plain => line.text.clone(),
        Style::Heading => screen::bold(&line.text),
        Style::Notice | Style::Title(3) => screen::yellow(&line.text),
        Style::Title(4..) => screen::red(&line.text),
        Style::Title(_) => screen::bold(&line.text),
    }
}
