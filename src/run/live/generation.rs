//! A generation: what decides beside the events, loaded and checked as a whole. A reload makes a new one and swaps it in, or, if
//! anything is wrong with it, changes nothing.
//!
//! Owns the step from files to rules, detector and control. Never touches state: what a new generation means for windows under
//! way is the Pipeline's to say when the control that names it comes out of the log.

use crate::io::port::RuleFiles;
use crate::io::rules::read_rules;
use std::sync::Arc;
use tidegate_core::decode::Hints;
use tidegate_core::detect::{Detector, WarningKind, sources_of};
use tidegate_core::event::GenericSource;
use tidegate_core::pipeline::{Control, Rules};
use tidegate_core::rule::{Gravity, RuleFile, load};

/// Everything that detectors and Pipelines need to know of a rule set, and what made it.
#[derive(Debug)]
pub struct Generation {
    /// The control that puts it in force.
    pub control: Control,
    /// For the Pipelines.
    pub rules: Arc<Rules>,
    /// For the readers.
    pub detector: Arc<Detector>,
    /// For the store.
    pub files: RuleFiles,
}

/// Reads rule files and makes the rules that Pipelines need.
///
/// # Errors
/// What is wrong, a line each.
pub fn rules_of(files: &RuleFiles, generic: &[GenericSource]) -> Result<Rules, String> {
    let texts: Vec<RuleFile> = files.files.iter().map(|(name, text)| RuleFile { name: name.clone(), text: text.clone() }).collect();
    let set = Arc::new(load(&texts).set);
    if set.digest != files.digest {
        return Err("the rules kept in the state file mean something else to this version of the program".into());
    }
    let sources = (0..set.rules.len() as u32).map(|rule| sources_of(&set, rule, generic)).collect();
    Ok(Rules { set, sources })
}
