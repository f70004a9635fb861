//! Number of Pipelines, sizes of batches and restarts change nothing.

use super::support::{PLAIN, Plan, World, identities, random_events, random_rules, sorted};
use fastrand::Rng;

const WORLDS: u64 = 50;
const HISTORIES: u64 = 40;

#[test]
fn pipelines_batches_and_restarts_change_no_alert() {
    let mut alerts = 0;
    for world_seed in 0..WORLDS {
        let mut rng = Rng::with_seed(world_seed);
        let rules = random_rules(&mut rng);
        let world = World::new(&rules);
        for history in 0..HISTORIES {
            let n = rng.usize(1..40);
            let events = random_events(&mut rng, n);
            let plain = sorted(&world, &events, PLAIN);
            alerts += plain.documents.len();
            let plan = Plan { pipelines: rng.u16(1..5), batch: rng.usize(1..20), restarts: rng.u32(0..60), seed: rng.u64(..) };
            let other = sorted(&world, &events, plan);
            let (one, two) = (identities(&plain), identities(&other));
            let differ: Vec<_> = one.symmetric_difference(&two).collect();
            assert!(differ.is_empty(), "world {world_seed}, history {history}, {plan:?}: {differ:#?}");
            assert_eq!(plain.books.detections.detections, other.books.detections.detections);
        }
    }
    assert!(alerts > 2_000, "the histories raise alerts: {alerts}");
}
