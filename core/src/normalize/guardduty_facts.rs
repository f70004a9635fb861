//! What only GuardDuty findings have as facts: their resources, and what no OCSF name holds.
//!
//! Owns that table, in native names; the shapes translate it.

use super::Function as F;
use super::fact_table::FactRow;
use super::term::Term::Call;
use crate::event::Fact;

/// What only findings have: their resources, and what has no OCSF name.
pub(super) const FACTS: &[FactRow] = &[
    (Fact::Resource, &[Call(F::Labelled("AWS::EC2::Instance"), &["resource.instanceDetails.instanceId"])]),
    (Fact::Resource, &[Call(F::Labelled("AWS::IAM::AccessKey"), &["resource.accessKeyDetails.accessKeyId"])]),
    (Fact::Resource, &[Call(F::Labelled("AWS::S3::Bucket"), &["resource.s3BucketDetails.arn"])]),
    (Fact::Resource, &[Call(F::Labelled("AWS::S3::Object"), &["resource.s3BucketDetails.s3ObjectDetails.objectArn"])]),
    (Fact::Resource, &[Call(F::Labelled("AWS::EKS::Cluster"), &["resource.eksClusterDetails.arn"])]),
    (Fact::Resource, &[Call(F::Labelled("AWS::ECS::Cluster"), &["resource.ecsClusterDetails.arn"])]),
    (Fact::Resource, &[Call(F::Labelled("AWS::ECS::Task"), &["resource.ecsClusterDetails.taskDetails.arn"])]),
    (Fact::Resource, &[Call(F::Labelled("AWS::Lambda::Function"), &["resource.lambdaDetails.functionArn"])]),
    (Fact::Resource, &[Call(F::Labelled("AWS::RDS::DBInstance"), &["resource.rdsDbInstanceDetails.dbInstanceArn"])]),
    (Fact::Resource, &[Call(F::Labelled("AWS::RDS::DBShardGroup"), &["resource.rdsLimitlessDbDetails.dbShardGroupArn"])]),
    (Fact::Resource, &[Call(F::Labelled("AWS::EC2::Snapshot"), &["resource.ebsSnapshotDetails.snapshotArn"])]),
    (Fact::Resource, &[Call(F::Labelled("AWS::EC2::Image"), &["resource.ec2ImageDetails.imageArn"])]),
    (Fact::Resource, &[Call(F::Labelled("AWS::Backup::RecoveryPoint"), &["resource.recoveryPointDetails.recoveryPointArn"])]),
    (Fact::Resource, &[Call(F::Labelled("AWS::EC2::Volume"), &["resource.ebsVolumeDetails.scannedVolumeDetails.volumeArn"])]),
    (Fact::Resource, &[Call(F::Labelled("Container"), &["resource.containerDetails.id"])]),
    (
        Fact::Resource,
        &[Call(F::Resources, &["service.detection.sequence.resources.resourceType", "service.detection.sequence.resources.uid"])],
    ),
    (Fact::Unmapped, &[Call(F::Labelled("service.resourceRole"), &["service.resourceRole"])]),
    (Fact::Unmapped, &[Call(F::Labelled("service.action.actionType"), &["service.action.actionType"])]),
    (Fact::Unmapped, &[Call(F::Labelled("service.featureName"), &["service.featureName"])]),
    (Fact::Unmapped, &[Call(F::Labelled("resource.resourceType"), &["resource.resourceType"])]),
    (Fact::Unmapped, &[Call(F::Labelled("associatedAttackSequenceArn"), &["associatedAttackSequenceArn"])]),
];
