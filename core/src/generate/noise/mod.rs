//! What goes on all day in an organisation of this size, none of it an attack.
//!
//! Stays below every threshold of the detection catalogue by construction: few calls an actor, one address an account, no settings that
//! a stateless rule asks about. The near-misses of [`super::benign`] are made on purpose and do not live here.

mod findings;
mod flows;
mod templates;
mod trail;

use super::plan::Plan;
use super::stage::Stage;
use super::world::World;

/// One day of it.
pub(super) fn day(plan: &Plan, world: &World, day: u32, stage: &mut Stage) {
    trail::day(plan, world, day, stage);
    findings::day(plan, world, day, stage);
    flows::day(plan, world, day, stage);
}
