//! `tidegate rules export`.

use crate::cli::{Exit, Failure};
use crate::io::rules::pack;
use std::path::PathBuf;

const EXAMPLES: &str = "Examples:
  tidegate rules export my-rules/";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// Folder to write to; made if it does not exist
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Overwrite files that exist
    #[arg(long)]
    force: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    for (name, text) in pack::FILES {
        let path = arguments.folder.join(name);
        if path.exists() && !arguments.force {
            return Err(Failure::usage(format!("{} exists; choose another folder, or --force to overwrite", path.display())));
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| Failure::failed(format!("cannot make folder {}: {e}", folder.display())))?;
        }
        std::fs::write(&path, text).map_err(|e| Failure::failed(format!("cannot write {}: {e}", path.display())))?;
    }
    println!("{} files written to {}", pack::FILES.len(), arguments.folder.display());
    Ok(Exit::Fine)
}
