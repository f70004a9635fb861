//! Explanations of random conditions on random events: the whole answers as the detector does, and every part as the naive oracle.

use super::naive;
use super::properties::{event, expr};
use super::support::{Rules, hints, logsource, stamp};
use fastrand::Rng;
use std::sync::Arc;
use tidegate_core::decode::{Context, Unit};
use tidegate_core::detect::{Detector, Scratch, Traced, TracedPart, Tracer};
use tidegate_core::enrich::Tables;
use tidegate_core::event::Form;
use tidegate_core::rule::Expr;

/// Every part of the trace says what the oracle says of the same part of the condition.
fn compare(expr: &Expr, traced: &Traced, event: &serde_json::Value) -> usize {
    assert_eq!(traced.holds, naive::matches(expr, event), "{expr:?} on {event}");
    1 + match (expr, &traced.part) {
        (Expr::And(parts), TracedPart::All(all)) | (Expr::Or(parts), TracedPart::Any(all)) => {
            assert_eq!(parts.len(), all.len());
            parts.iter().zip(all).map(|(e, t)| compare(e, t, event)).sum()
        }
        (Expr::Not(part), TracedPart::Not(traced)) => compare(part, traced, event),
        (Expr::Field { .. }, TracedPart::Field { .. }) | (Expr::Keyword(_), TracedPart::Keyword(_)) => 0,
        other => panic!("the shape is another: {other:?}"),
    }
}

#[test]
fn every_part_of_an_explanation_is_what_the_oracle_says() {
    let mut rng = Rng::with_seed(20_261_124);
    let (mut parts, mut matched) = (0, 0);
    for _ in 0..40 {
        let exprs: Vec<Expr> = (0..10).map(|_| expr(&mut rng, 3)).collect();
        let mut rules = Rules::default();
        for expr in &exprs {
            rules.detection(logsource("p", None), expr.clone(), None);
        }
        let set = Arc::new(rules.set().clone());
        let (detector, _) = Detector::new(set.clone(), &hints());
        let mut tracer = Tracer::new(set, hints(), Arc::new(Tables::default()));
        for _ in 0..5 {
            let event = event(&mut rng);
            let (text, context) = (event.to_string(), Context::default());
            let unit = Unit { form: Form::Generic(0), text: &text, context: &context };
            let mut found = Vec::new();
            detector.detect(&unit, None, &mut Scratch::new(), &stamp(Some(1_000)), &mut found).expect("readable");
            for (rule, expr) in (0u32..).zip(&exprs) {
                let trace = tracer.trace(rule, &[expr], &unit, None, &stamp(Some(1_000))).expect("readable");
                let own: Vec<_> = found.iter().filter(|d| d.rule == rule).cloned().collect();
                assert_eq!((trace.matched, &trace.detections), (trace.parts[0].holds, &own), "{expr:?} on {event}");
                assert!(trace.woken || !trace.matched);
                parts += compare(expr, &trace.parts[0], &event);
                matched += usize::from(trace.matched);
            }
        }
    }
    assert!(parts > 5_000 && matched > 200, "{parts} parts, {matched} matches: too few to mean anything");
}
