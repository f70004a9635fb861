//! A live machine to which nothing comes any more: what rounds alone bring further.

use super::support::{BASE, Correlation, World, arriving, shop, shop_rule};
use tidegate_core::pipeline::{Action, Batch, Control, Machine, Mode};

/// How many alerts of rule `parent` a round makes.
fn round(machine: &mut Machine, position: u64, batch: Batch) -> usize {
    let entries = machine.propose(batch);
    let effects = machine.apply(position, &entries);
    let parent = |action: &Action| matches!(action, Action::Index { document, .. } if document.contains("\"uid\":\"parent\""));
    effects.iter().filter(|(_, effect)| parent(&effect.action)).count()
}

#[test]
fn a_parent_that_waits_needs_no_further_record() {
    let of = |id, rules, condition| {
        Correlation { id, head: "level: high\n", kind: "temporal", rules, by: "who", seconds: 60, condition, generate: true }.text()
    };
    let child = of("child", "refused, granted", "");
    let parent = of("parent", "child, deleted", "    condition: deleted and not child\n");
    let rules = ["refused", "granted", "deleted"].map(|what| shop_rule(what, "low")).concat();
    for pipelines in [1, 3] {
        let world = World::new(&format!("{rules}{child}{parent}"));
        let mut machine = Machine::new(pipelines, Mode::AtOnce, &[]);
        machine.learn(&world.rules());
        let control = Some(Control::begin(&world.rules(), world.settings()));
        let found = world.gather(&[arriving(shop(0, "who", "deleted", "1", 0), 0)]);
        assert_eq!(round(&mut machine, 1, Batch { control, ..Batch::default() }), 0);
        assert_eq!(round(&mut machine, 2, Batch { detections: found.detections, arrival_ms: BASE, ..Batch::default() }), 0);
        assert_eq!(
            round(&mut machine, 3, Batch { watermark_ms: BASE + 24 * 3_600_000, ..Batch::default() }),
            0,
            "its child may still hold"
        );
        let (mut position, mut alerts) = (3, 0);
        while machine.pending() || machine.lagging() {
            position += 1;
            alerts += round(&mut machine, position, Batch::default());
            assert!(position < 10, "it comes to rest");
        }
        assert!(alerts > 0, "{pipelines} pipelines");
    }
}
