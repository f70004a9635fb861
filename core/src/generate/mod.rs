//! The synthetic organisation.

mod action;
mod attack;
mod benign;
mod draw;
mod dress;
mod file;
mod finding;
mod flow;
mod kinds;
mod moves;
mod noise;
mod plan;
mod principal;
mod resource;
mod scene;
mod stage;
#[cfg(test)]
mod tests;
mod trail;
mod truth;
mod world;

pub use benign::{NearMiss, near_misses};
pub use file::File;
pub use plan::{ACCOUNTS_MIN, ATTACK_KINDS, AttackKind, Plan};
pub use truth::{SeededAttack, Truth};

use scene::{Scene, day_of};
use stage::Stage;
use world::World;

/// Writes the whole organisation, file by file, and returns the truth about it. The last files are `tables/accounts.csv`,
/// `tables/networks.csv` and `truth.json`.
pub fn organisation(plan: &Plan, emit: &mut dyn FnMut(File)) -> Truth {
    let world = World::new(plan);
    let mut truth = Truth::default();
    for day in 0..world.days {
        let mut stage = Stage::default();
        noise::day(plan, &world, day, &mut stage);
        play_near_misses(&world, day, &mut stage);
        play_attacks(plan, &world, day, &mut stage, &mut truth);
        stage.flush(&world, day, emit);
    }
    truth.attacks.sort_by(|a, b| a.id.cmp(&b.id));
    emit(File::plain("tables/accounts.csv", world.accounts_csv()));
    emit(File::plain("tables/networks.csv", world::networks_csv()));
    emit(File::plain("truth.json", serde_json::to_vec_pretty(&truth).unwrap_or_default()));
    truth
}

fn play_near_misses(world: &World, day: u32, stage: &mut Stage) {
    for (number, near_miss) in near_misses().iter().enumerate().filter(|(number, _)| day_of(world, *number) == day) {
        (near_miss.play)(&mut Scene::near_miss(world, number, stage));
    }
}

fn play_attacks(plan: &Plan, world: &World, day: u32, stage: &mut Stage, truth: &mut Truth) {
    for kind in ATTACK_KINDS.into_iter().filter(|kind| plan.attacks.contains(kind) && day_of(world, kind.ordinal()) == day) {
        let mut told = SeededAttack::new(kind);
        attack::play(kind, &mut Scene::attack(world, kind.ordinal(), stage, &mut told));
        truth.attacks.push(told);
    }
}
