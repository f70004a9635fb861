//! Runs the cases of a suite through the core and says what differed.

use super::engine::Engine;
use super::expect::{Difference, compare};
use super::nature::Nature;
use super::script::Script;
use super::suite::{Case, Class, Suite};
use super::variants::{self, LeftOut, Options, Subject, VariantReport};
use crate::alert::check;
use crate::rule::{Place, RuleSet};
use serde_json::Value;
use std::sync::Arc;

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Passed,
    /// What differed. Nothing, if only variants did.
    Failed(Vec<Difference>),
}

/// A case and how it ended.
#[derive(Debug, Clone)]
pub struct CaseReport {
    /// Name of the case.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// How it ended, its variants included.
    pub outcome: Outcome,
    /// The alerts that came, in their final state.
    pub alerts: Vec<Value>,
    /// The variants that were run. None if the case itself failed.
    pub variants: Vec<VariantReport>,
    /// What was left out, and why.
    pub left_out: Vec<LeftOut>,
}

/// The cases of one test file, ready to run.
pub struct Bench<'s> {
    engine: Engine<'s>,
    own: Vec<bool>,
    nature: Nature,
    options: Options,
}

impl<'s> Bench<'s> {
    /// Compiles the rules. Alerts count when their rule stands in one of `own` (the file the test stands beside).
    ///
    /// # Errors
    /// If what the suite says about its input cannot be: in words.
    pub fn new(set: &Arc<RuleSet>, suite: &'s Suite, own: &[String], options: Options) -> Result<Self, String> {
        let engine = Engine::new(set, suite)?;
        let own: Vec<bool> = set.rules.iter().map(|rule| own.iter().any(|file| **file == *rule.meta.place.file)).collect();
        let nature = Nature::of(set, &own);
        Ok(Bench { engine, own, nature, options })
    }

    /// Runs a case and its variants.
    #[must_use]
    pub fn run(&self, case: &Case) -> CaseReport {
        let script = Script::of(self.engine.suite, case, &self.engine.columns);
        let ran = self.engine.run(&script);
        let alerts: Vec<&Value> = self.engine.own(&ran.alerts, &self.own).collect();
        let mut differences: Vec<Difference> = ran.refused.iter().map(|why| Difference::new("input", "accepted", why.as_str())).collect();
        differences.extend(compare(self.engine.suite, case, &alerts));
        let invalid = alerts.iter().flat_map(|alert| check(alert));
        differences.extend(invalid.map(|e| Difference::new("document", "valid", e.to_string())));
        let (mut reports, mut left_out) = (Vec::new(), Vec::new());
        if differences.is_empty() {
            let outlines = self.engine.outlines(&script, &ran.alerts, &self.own);
            let subject = Subject { case, script: &script, traits: &ran.traits, nature: &self.nature, outlines: &outlines };
            let judge = |script: &Script| {
                let ran = self.engine.run(script);
                self.engine.outlines(script, &ran.alerts, &self.own)
            };
            (reports, left_out) = variants::run(&self.engine, &judge, &subject, &self.options);
        }
        let failed = !differences.is_empty() || reports.iter().any(|v| v.failure.is_some());
        let outcome = if failed { Outcome::Failed(differences) } else { Outcome::Passed };
        let alerts = alerts.into_iter().cloned().collect();
        CaseReport { name: case.name.clone(), place: case.place.clone(), outcome, alerts, variants: reports, left_out }
    }
}

/// Runs every case of a suite, with the variants that are run unless more are asked for.
///
/// # Panics
/// If what the suite says about its input cannot be.
#[must_use]
pub fn run_suite(set: &Arc<RuleSet>, suite: &Suite, own: &[String]) -> Vec<CaseReport> {
    let bench = Bench::new(set, suite, own, Options::default()).expect("flow columns of a suite are columns");
    suite.cases.iter().map(|case| bench.run(case)).collect()
}

/// Which of the required classes a suite lacks, in words: 2 true, 3 false, an edge, disorder, a duplicate, accounts.
#[must_use]
pub fn missing_classes(suite: &Suite) -> Vec<String> {
    let count = |class| suite.cases.iter().filter(|c| c.classes.contains(&class)).count();
    let wanted = [(Class::True, 2), (Class::False, 3), (Class::Edge, 1), (Class::Disorder, 1), (Class::Duplicate, 1), (Class::Accounts, 1)];
    let lacks = wanted.into_iter().filter(|(class, n)| count(*class) < *n);
    lacks.map(|(class, n)| format!("{n} case(s) of class {}, there are {}", class.word(), count(class))).collect()
}
