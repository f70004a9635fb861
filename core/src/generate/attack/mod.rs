//! The seeded attacks, one function each, grouped as the detection catalogue groups them.
//!
//! Each is consistent in account, principal, address and time, and clearly above the default threshold of its entry.

mod compute;
mod evasion;
mod exposure;
mod guessing;
mod identity;
mod network;
mod ransom;
mod runtime;
mod sign_in;
mod spread;

use super::plan::AttackKind;
use super::scene::Scene;

/// Plays one attack.
pub(super) fn play(kind: AttackKind, scene: &mut Scene<'_>) {
    match kind {
        AttackKind::ConsoleBruteForce => sign_in::brute_force(scene),
        AttackKind::PasswordSpray => sign_in::spray(scene),
        AttackKind::StolenInstanceCredentials => identity::stolen_instance_credentials(scene),
        AttackKind::BackDoorIdentity => identity::back_door(scene),
        AttackKind::NewKeyUsed => identity::new_key_used(scene),
        AttackKind::PermissionGuessing => guessing::permissions(scene),
        AttackKind::NetworkOpened => network::opened(scene),
        AttackKind::RoleGuessing => guessing::roles(scene),
        AttackKind::CustomerKeyEncryption => ransom::customer_key(scene),
        AttackKind::RansomPreparation => ransom::preparation(scene),
        AttackKind::SnapshotCopied => exposure::snapshot(scene),
        AttackKind::DatabaseExposed => exposure::database(scene),
        AttackKind::BackupsDestroyed => ransom::backups(scene),
        AttackKind::KeySabotage => ransom::keys(scene),
        AttackKind::HardToStop => compute::hard_to_stop(scene),
        AttackKind::UserDataSwapped => compute::user_data(scene),
        AttackKind::PortScan => network::scan(scene),
        AttackKind::VolumeOut => network::volume_out(scene),
        AttackKind::ContainerBreakout => runtime::breakout(scene),
        AttackKind::RuntimeToControlPlane => runtime::to_control_plane(scene),
        AttackKind::MalwareCampaign => runtime::campaign(scene),
        AttackKind::LoggingTampered => evasion::logging(scene),
        AttackKind::FlowLogsDeleted => evasion::flow_logs(scene),
        AttackKind::AccountLeaves => evasion::leave(scene),
        AttackKind::DecoyTouched => evasion::decoy(scene),
        AttackKind::ManyTactics => spread::many_tactics(scene),
        AttackKind::SequenceSpreads => spread::sequence(scene),
        AttackKind::ProviderBypassed => identity::provider_bypassed(scene),
        AttackKind::CommandChannel => network::command_channel(scene),
        AttackKind::AttackSequence => evasion::sequence(scene),
    }
}
