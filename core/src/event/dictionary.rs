//! The field dictionary: properties of fields that semantics depend on.

/// Fields that can never be negative: a sum over them only grows with more events, so `gt`/`gte` fires at once.
const NON_NEGATIVE: [&str; 21] = [
    "bytes",
    "packets",
    "traffic.bytes",
    "traffic.packets",
    "service.count",
    "packets-lost-no-route",
    "packets-lost-blackhole",
    "packets-lost-mtu-exceeded",
    "packets-lost-ttl-expired",
    "packets_lost_no_route",
    "packets_lost_blackhole",
    "packets_lost_mtu_exceeded",
    "packets_lost_ttl_expired",
    "srcport",
    "dstport",
    "additionalEventData.bytesTransferredIn",
    "additionalEventData.bytesTransferredOut",
    "service.additionalInfo.inBytes",
    "service.additionalInfo.outBytes",
    "requestBodySize",
    "responseBodySize",
];

/// Whether a field's numbers are known to be zero or more.
#[must_use]
pub fn is_non_negative(field: &str) -> bool {
    NON_NEGATIVE.contains(&field)
}
