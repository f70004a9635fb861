//! The meaning digest: what decides whether a rule keeps its state over a reload.
//!
//! A rule's digest covers its logsource and its condition (filters applied) in normal form: nested `and`s and `or`s flattened,
//! their parts sorted and each once, double `not` removed, letter case folded where it does not count. A correlation's covers
//! type, thresholds, group-by in order, timespan, and for each of its rules in order that rule's digest and the fields its
//! group-by reads there. Titles, ids, levels, tags, places, `generate` and every other description are not in it.
//! The digest of the set covers everything of every rule but its place: two sets with the same digest give the same alerts.
//! The form is fixed by golden tests; a change of it makes all state start afresh, so it carries a version.

use super::{Body, Compare, Correlation, CorrelationKind, DetectionRule, Expr, Meta, Part, Pattern, Presence, Rule, Test, Thresholds};
use crate::event::LogSource;
use sha2::{Digest, Sha256};

/// Bytes in which every text has its length, so that nothing runs into its neighbour.
#[derive(Default)]
struct Form(Vec<u8>);

impl Form {
    fn tag(&mut self, tag: u8) -> &mut Self {
        self.0.push(tag);
        self
    }

    fn number(&mut self, n: u64) -> &mut Self {
        self.0.extend(n.to_be_bytes());
        self
    }

    fn float(&mut self, x: f64) -> &mut Self {
        // Minus zero compares equal to zero.
        self.number(if x == 0.0 { 0 } else { x.to_bits() })
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    fn option(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            None => self.tag(0),
            Some(text) => self.tag(1).text(text),
        }
    }

    fn texts(&mut self, texts: &[String]) -> &mut Self {
        self.number(texts.len() as u64);
        texts.iter().for_each(|t| self.text(t).end());
        self
    }

    /// Ends a chain where nothing is wanted of it.
    fn end(&mut self) {}

    fn hash(self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

/// The digest of a detection rule.
pub(super) fn detection(rule: &DetectionRule) -> [u8; 32] {
    let mut form = Form::default();
    form.text("tidegate-detection-v1");
    logsource(&rule.logsource, &mut form);
    form.bytes(&expr(&rule.condition));
    form.hash()
}

/// The digest of a correlation; `children` are the digests of its rules, in the order of `rules`.
pub(super) fn correlation(correlation: &Correlation, children: &[[u8; 32]]) -> [u8; 32] {
    let mut form = Form::default();
    form.text("tidegate-correlation-v1");
    kind(&correlation.kind, &mut form);
    form.texts(&correlation.group_by).number(correlation.timespan_ms.unsigned_abs()).number(children.len() as u64);
    for (rule, child) in correlation.rules.iter().zip(children) {
        form.bytes(child);
        for name in &correlation.group_by {
            let field = correlation.aliases.get(name).and_then(|fields| fields.get(rule));
            form.text(field.unwrap_or(name));
        }
    }
    form.hash()
}

/// The digest of a whole set.
pub(super) fn set(rules: &[Rule]) -> [u8; 32] {
    let mut form = Form::default();
    form.text("tidegate-rule-set-v1").number(rules.len() as u64);
    for rule in rules {
        meta(&rule.meta, &mut form);
        let generate = matches!(&rule.body, Body::Correlation(c) if c.generate);
        form.bytes(&rule.digest).tag(u8::from(rule.alerts)).tag(u8::from(generate));
    }
    form.hash()
}

fn meta(meta: &Meta, form: &mut Form) {
    form.text(&meta.id).option(meta.name.as_deref()).text(&meta.title);
    form.tag(meta.status as u8).tag(meta.level.map_or(0, |l| 1 + l as u8));
    form.text(&meta.description).text(&meta.author).text(&meta.version);
    form.texts(&meta.references).texts(&meta.tags).texts(&meta.falsepositives).texts(&meta.fields);
    form.option(meta.owner.as_deref()).option(meta.runbook.as_deref()).number(meta.custom.len() as u64);
    meta.custom.iter().for_each(|(key, value)| form.text(key).text(value).end());
}

fn logsource(logsource: &LogSource, form: &mut Form) {
    form.option(logsource.category.as_deref()).option(logsource.product.as_deref()).option(logsource.service.as_deref());
}

/// A condition in normal form.
fn expr(condition: &Expr) -> Vec<u8> {
    let mut form = Form::default();
    match condition {
        Expr::And(_) | Expr::Or(_) => return linked(condition),
        Expr::Not(part) => match part.as_ref() {
            Expr::Not(twice) => return expr(twice),
            part => form.tag(b'!').bytes(&expr(part)).end(),
        },
        Expr::Field { field, test: t } => test(t, form.tag(b'f').text(field)),
        Expr::Keyword(t) => test(t, form.tag(b'k')),
    }
    form.0
}

fn linked(condition: &Expr) -> Vec<u8> {
    let and = matches!(condition, Expr::And(_));
    let mut parts = Vec::new();
    flatten(condition, and, &mut parts);
    parts.sort();
    parts.dedup();
    if parts.len() == 1 {
        return parts.remove(0);
    }
    let mut form = Form::default();
    form.tag(if and { b'&' } else { b'|' }).number(parts.len() as u64);
    parts.iter().for_each(|p| form.bytes(p).end());
    form.0
}

fn flatten(condition: &Expr, and: bool, parts: &mut Vec<Vec<u8>>) {
    match condition {
        Expr::And(inner) if and => inner.iter().for_each(|p| flatten(p, and, parts)),
        Expr::Or(inner) if !and => inner.iter().for_each(|p| flatten(p, and, parts)),
        // A single part stands for itself, so `or` inside `and` with one part is flattened too.
        Expr::And(inner) | Expr::Or(inner) if inner.len() == 1 => flatten(&inner[0], and, parts),
        other => parts.push(expr(other)),
    }
}

fn test(test: &Test, form: &mut Form) {
    match test {
        Test::Text { pattern: p, cased } => pattern(p, *cased, form.tag(1)),
        Test::Number(n) => form.tag(2).float(*n).end(),
        Test::Bool(b) => form.tag(3).tag(u8::from(*b)).end(),
        Test::Regex(source) => form.tag(4).text(source).end(),
        Test::Cidr(net) => form.tag(5).text(&net.to_string()).end(),
        Test::Compare(compare, n) => form.tag(6).tag(code(*compare)).float(*n).end(),
        Test::Null => form.tag(7).end(),
        Test::Exists(b) => form.tag(8).tag(u8::from(*b)).end(),
        Test::FieldRef { field, mode, cased } => form.tag(9).text(field).tag(*mode as u8).tag(u8::from(*cased)).end(),
        Test::TimePart(part, compare, n) => form.tag(10).tag(*part as u8).tag(code(*compare)).float(*n).end(),
    }
}

fn code(compare: Compare) -> u8 {
    compare as u8
}

fn pattern(pattern: &Pattern, cased: bool, form: &mut Form) {
    form.tag(u8::from(cased)).number(pattern.0.len() as u64);
    for part in &pattern.0 {
        match part {
            Part::Literal(text) if cased => form.tag(0).text(text).end(),
            Part::Literal(text) => form.tag(0).text(&text.to_lowercase()).end(),
            Part::One => form.tag(1).end(),
            Part::Any => form.tag(2).end(),
        }
    }
}

fn kind(kind: &CorrelationKind, form: &mut Form) {
    match kind {
        CorrelationKind::EventCount(t) => thresholds(t, form.tag(1)),
        CorrelationKind::ValueCount(fields, t) => thresholds(t, form.tag(2).texts(fields)),
        CorrelationKind::ValueSum(field, t) => thresholds(t, form.tag(3).text(field)),
        CorrelationKind::ValueAvg(field, t) => thresholds(t, form.tag(4).text(field)),
        CorrelationKind::ValuePercentile(field, rank, t) => thresholds(t, form.tag(5).text(field).float(*rank)),
        CorrelationKind::Temporal(p) => presence(p, form.tag(6)),
        CorrelationKind::TemporalOrdered(p) => presence(p, form.tag(7)),
    }
}

fn thresholds(thresholds: &Thresholds, form: &mut Form) {
    let mut all: Vec<(u8, f64)> = thresholds.0.iter().map(|(c, n)| (code(*c), *n)).collect();
    all.sort_by(|a, b| (a.0).cmp(&b.0).then(a.1.total_cmp(&b.1)));
    form.number(all.len() as u64);
    all.iter().for_each(|(compare, n)| form.tag(*compare).float(*n).end());
}

fn presence(presence_of: &Presence, form: &mut Form) {
    match presence_of {
        Presence::Rule(place) => form.tag(b'r').number(u64::from(*place)).end(),
        Presence::And(parts) | Presence::Or(parts) => {
            form.tag(if matches!(presence_of, Presence::And(_)) { b'&' } else { b'|' }).number(parts.len() as u64);
            parts.iter().for_each(|p| presence(p, form));
        }
        Presence::Not(part) => presence(part, form.tag(b'!')),
    }
}

#[cfg(test)]
mod tests;
