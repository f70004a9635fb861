//! Inputs that are no files: how they are named, how far they were read, and where a reading that was stopped goes on.
//!
//! Owns the words `guardduty:` and `kinesis:` of the command line. Never calls a service but to find the detectors of a Region; without
//! the feature `aws` these inputs are refused where all inputs are expanded.

#[cfg(feature = "aws")]
use super::Arguments;
#[cfg(feature = "aws")]
use crate::cli::Failure;
use crate::cli::screen;
use crate::io::clock::Stopwatch;
#[cfg(feature = "aws")]
use crate::io::input::Input;
use crate::io::tally::Tally;
use indicatif::ProgressBar;
use std::sync::Arc;
use tidegate_core::alert::neutral::terminal;
use tidegate_core::event::time::format_rfc3339;

#[cfg(feature = "aws")]
pub(super) use in_aws::inputs;

/// Says what a person should know, and how to go on with what was left; `kept`: a state file says that by itself.
pub(super) fn tell(tally: &Tally, kept: bool) {
    for note in tally.notes() {
        anstream::eprintln!("{}", screen::yellow(&terminal(&note)));
    }
    if kept || !tally.is_unfinished() {
        return;
    }
    match tally.resume_ms().map(format_rfc3339) {
        Some(at) => anstream::eprintln!("everything up to {at} was read: the same command with `--from {at}` goes on from there"),
        None => anstream::eprintln!("of some inputs nothing was read: the same command reads all of them again"),
    }
}

/// Progress by time: of these inputs no size is known.
pub(super) struct Progress {
    tally: Arc<Tally>,
    since: Stopwatch,
}

impl Progress {
    /// `None`: sizes are known, or nothing is told.
    pub(super) fn new(total: u64, tally: &Arc<Tally>) -> Option<Self> {
        (total == 0 && !tally.is_empty()).then(|| Progress { tally: tally.clone(), since: Stopwatch::start() })
    }

    /// Shows how far it is.
    pub(super) fn show(&self, bar: &ProgressBar) {
        if !self.tally.changed() {
            return;
        }
        let (items, reached_ms, parts) = self.tally.progress();
        let rate = items as f64 / self.since.elapsed().as_secs_f64().max(1e-3);
        let reached = reached_ms.map_or(String::new(), |ms| format!(", up to {}", &format_rfc3339(ms)[..16]));
        bar.set_message(format!("{} items, {}/s{reached}", screen::thousands(items), screen::thousands(rate as u64)));
        bar.set_position(parts);
    }
}

#[cfg(feature = "aws")]
mod in_aws {
    use super::{Arguments, Failure, Input, Tally};
    use crate::config::{is_region, is_stream};
    use crate::io::aws::history::{Span, detectors, findings, records};
    use crate::io::aws::{Access, Stream};
    use std::sync::Arc;

    /// What was named and is read from AWS, whether it carries arrivals, and the names of the rest.
    pub(in crate::cli::replay) fn inputs(
        arguments: &Arguments,
        (from, to): (i64, i64),
        tally: &Arc<Tally>,
    ) -> Result<(Vec<Input>, bool, Vec<String>), Failure> {
        let (mut far, mut stamped, mut rest) = (Vec::new(), false, Vec::new());
        let span = Span { from_ms: (from != i64::MIN).then_some(from), to_ms: (to != i64::MAX).then_some(to) };
        let access = arguments.aws.access();
        for name in &arguments.inputs {
            if let Some(regions) = name.strip_prefix("guardduty:") {
                far.extend(guardduty(regions, &access, span, tally)?);
            } else if let Some(stream) = name.strip_prefix("kinesis:") {
                far.push(kinesis(stream, &access, span, tally)?);
                stamped = true;
            } else {
                rest.push(name.clone());
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        far.retain(|input| seen.insert(input.name()));
        Ok((far, stamped, rest))
    }

    /// All detectors of the Regions that are named: findings of member accounts are in that of the administrator.
    fn guardduty(regions: &str, access: &Access, span: Span, tally: &Arc<Tally>) -> Result<Vec<Input>, Failure> {
        let named: Vec<&str> = regions.split(',').map(str::trim).filter(|region| !region.is_empty()).collect();
        if let Some(wrong) = named.iter().find(|region| !is_region(region)) {
            return Err(Failure::usage(format!("`{wrong}` is no Region; write guardduty:eu-central-1,us-east-1")));
        }
        let regions = if named.is_empty() { vec![access.region.clone()] } else { named.iter().map(|r| Some((*r).to_owned())).collect() };
        let mut inputs = Vec::new();
        for region in regions {
            let (region, found) = detectors(&Access { region, ..access.clone() }, tally).map_err(Failure::failed)?;
            if found.is_empty() {
                tally.note(format!(
                    "guardduty:{region}: there is no detector, so there are no findings: GuardDuty is off in this account and Region"
                ));
            }
            let access = Access { region: Some(region), ..access.clone() };
            inputs.extend(found.into_iter().map(|detector| Input::Far(findings(access.clone(), detector, span, tally.clone()))));
        }
        Ok(inputs)
    }

    fn kinesis(stream: &str, access: &Access, span: Span, tally: &Arc<Tally>) -> Result<Input, Failure> {
        if !is_stream(stream) {
            return Err(Failure::usage(format!("`{stream}` is no stream; write kinesis:NAME or kinesis:arn:aws:kinesis:...:stream/NAME")));
        }
        let Access { region, endpoint_url, role_arn, external_id } = access.clone();
        let stream = Stream { stream: stream.to_owned(), region, endpoint_url, role_arn, external_id, consumer: None };
        Ok(Input::Far(records(stream, span, tally.clone())))
    }
}
