//! The columns of VPC and Transit Gateway flow logs, versions 2 to 11, under their documented names.

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// A non-negative integer.
    Number,
    /// An IPv4 or IPv6 address.
    Address,
    /// Anything else.
    Text,
}

macro_rules! columns {
    ($($variant:ident $name:literal $kind:ident,)*) => {
        /// A flow-log column.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Column {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        /// Every column, in the order of the version that brought it.
        pub const COLUMNS: [Column; [$($name),*].len()] = [$(Column::$variant),*];

        impl Column {
            /// The documented, hyphenated name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Column::$variant => $name,)* }
            }

            /// What it holds.
            #[must_use]
            pub fn kind(self) -> ColumnKind {
                match self { $(Column::$variant => ColumnKind::$kind,)* }
            }
        }
    };
}

columns! {
    Version "version" Number,
    AccountId "account-id" Text,
    InterfaceId "interface-id" Text,
    SrcAddr "srcaddr" Address,
    DstAddr "dstaddr" Address,
    SrcPort "srcport" Number,
    DstPort "dstport" Number,
    Protocol "protocol" Number,
    Packets "packets" Number,
    Bytes "bytes" Number,
    Start "start" Number,
    End "end" Number,
    Action "action" Text,
    LogStatus "log-status" Text,
    VpcId "vpc-id" Text,
    SubnetId "subnet-id" Text,
    InstanceId "instance-id" Text,
    TcpFlags "tcp-flags" Number,
    Type "type" Text,
    PktSrcAddr "pkt-srcaddr" Address,
    PktDstAddr "pkt-dstaddr" Address,
    Region "region" Text,
    AzId "az-id" Text,
    SublocationType "sublocation-type" Text,
    SublocationId "sublocation-id" Text,
    PktSrcAwsService "pkt-src-aws-service" Text,
    PktDstAwsService "pkt-dst-aws-service" Text,
    FlowDirection "flow-direction" Text,
    TrafficPath "traffic-path" Number,
    EcsClusterArn "ecs-cluster-arn" Text,
    EcsClusterName "ecs-cluster-name" Text,
    EcsContainerInstanceArn "ecs-container-instance-arn" Text,
    EcsContainerInstanceId "ecs-container-instance-id" Text,
    EcsContainerId "ecs-container-id" Text,
    EcsSecondContainerId "ecs-second-container-id" Text,
    EcsServiceName "ecs-service-name" Text,
    EcsTaskDefinitionArn "ecs-task-definition-arn" Text,
    EcsTaskArn "ecs-task-arn" Text,
    EcsTaskId "ecs-task-id" Text,
    RejectReason "reject-reason" Text,
    ResourceId "resource-id" Text,
    EncryptionStatus "encryption-status" Number,
    InstanceTag "instance-tag" Text,
    InstanceTag2 "instance-tag-2" Text,
    InterfaceTag "interface-tag" Text,
    InterfaceTag2 "interface-tag-2" Text,
    AsgTag "asg-tag" Text,
    AsgTag2 "asg-tag-2" Text,
    InterfaceType "interface-type" Text,
    NextHopInterfaceId "next-hop-interface-id" Text,
    NextHopSubnetId "next-hop-subnet-id" Text,
    NextHopAzId "next-hop-az-id" Text,
    NextHopVpcId "next-hop-vpc-id" Text,
    NextHopInterfaceType "next-hop-interface-type" Text,
    ResourceType "resource-type" Text,
    TgwId "tgw-id" Text,
    TgwAttachmentId "tgw-attachment-id" Text,
    TgwSrcVpcAccountId "tgw-src-vpc-account-id" Text,
    TgwDstVpcAccountId "tgw-dst-vpc-account-id" Text,
    TgwSrcVpcId "tgw-src-vpc-id" Text,
    TgwDstVpcId "tgw-dst-vpc-id" Text,
    TgwSrcSubnetId "tgw-src-subnet-id" Text,
    TgwDstSubnetId "tgw-dst-subnet-id" Text,
    TgwSrcEni "tgw-src-eni" Text,
    TgwDstEni "tgw-dst-eni" Text,
    TgwSrcAzId "tgw-src-az-id" Text,
    TgwDstAzId "tgw-dst-az-id" Text,
    TgwPairAttachmentId "tgw-pair-attachment-id" Text,
    PacketsLostNoRoute "packets-lost-no-route" Number,
    PacketsLostBlackhole "packets-lost-blackhole" Number,
    PacketsLostMtuExceeded "packets-lost-mtu-exceeded" Number,
    PacketsLostTtlExpired "packets-lost-ttl-expired" Number,
}

impl Column {
    /// The column with this name, hyphens or underscores.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        COLUMNS
            .into_iter()
            .find(|c| c.name().len() == name.len() && c.name().bytes().zip(name.bytes()).all(|(a, b)| a == b || (a == b'-' && b == b'_')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found_with_hyphens_or_underscores() {
        for column in COLUMNS {
            assert_eq!(Column::from_name(column.name()), Some(column));
            assert_eq!(Column::from_name(&column.name().replace('-', "_")), Some(column));
        }
        assert_eq!(Column::from_name("srcaddr-"), None);
    }
}
