//! One readable line of each kind, and each refusal by name.

use super::*;
use crate::decode::ErrorCode;
use crate::event::Value;
use crate::event::flow::Column;
use std::borrow::Cow;

const ACCEPTED: &str = "2 001234567890 eni-0aa11 10.0.0.5 198.51.100.7 443 49152 6 10 840 1700000000 1700000060 ACCEPT OK";

fn text(t: &str) -> Option<Value<'_>> {
    Some(Value::Text(Cow::Borrowed(t)))
}

fn int(n: i64) -> Option<Value<'static>> {
    Some(Value::Int(n))
}

fn ip(t: &str) -> Option<Value<'static>> {
    Some(Value::Ip(t.parse().expect("address")))
}

#[track_caller]
fn flow<'d, 'a>(decoder: &'d mut FlowDecoder, line: &'a str) -> Flow<'d, 'a> {
    match decoder.decode(line) {
        Ok(FlowLine::Flow(flow)) => flow,
        other => panic!("{line}: {other:?}"),
    }
}

#[track_caller]
fn refused(decoder: &mut FlowDecoder, line: &str) -> DecodeError {
    decoder.decode(line).map(|_| ()).expect_err(line)
}

#[test]
fn a_default_line_needs_no_format() {
    let mut decoder = FlowDecoder::new(None);
    for line in [ACCEPTED.to_owned(), format!("{ACCEPTED}\r\n"), format!("{ACCEPTED}  \n"), ACCEPTED.replace(' ', "  ")] {
        let flow = flow(&mut decoder, &line);
        assert_eq!(flow.get(Column::Version), int(2));
        assert_eq!(flow.get(Column::AccountId), text("001234567890"));
        assert_eq!(flow.get(Column::SrcAddr), ip("10.0.0.5"));
        assert_eq!(flow.get(Column::DstPort), int(49_152));
        assert_eq!(flow.get(Column::Action), text("ACCEPT"));
        assert_eq!(flow.get(Column::VpcId), None);
        assert_eq!((flow.account(), flow.is_transit_gateway()), (Some("001234567890"), false));
        assert_eq!((flow.start_ms(), flow.end_ms()), (Some(1_700_000_000_000), Some(1_700_000_060_000)));
    }
}

#[test]
fn values_may_be_absent_unknown_ipv6_or_milliseconds() {
    let mut decoder = FlowDecoder::new(None);
    let flow = flow(&mut decoder, "2 unknown - 2001:db8::1 ::ffff:192.0.2.1 0 0 58 - 840 1700000000123 1700000060456 - OK");
    assert_eq!((flow.account(), flow.get(Column::InterfaceId), flow.get(Column::Packets)), (None, None, None));
    assert_eq!(flow.get(Column::AccountId), text("unknown"));
    assert_eq!((flow.get(Column::SrcAddr), flow.get(Column::DstAddr)), (ip("2001:db8::1"), ip("::ffff:192.0.2.1")));
    assert_eq!((flow.start_ms(), flow.end_ms()), (Some(1_700_000_000_123), Some(1_700_000_060_456)));
    assert_eq!(flow.get(Column::Action), None);
}

#[test]
fn silence_and_loss_are_no_flows() {
    let mut decoder = FlowDecoder::new(None);
    let line = "2 001234567890 eni-0aa11 - - - - - - - 1700000000 1700000060 - NODATA";
    assert!(matches!(decoder.decode(line), Ok(FlowLine::NoData { account: Some("001234567890"), interface: Some("eni-0aa11") })));
    assert!(matches!(
        decoder.decode("2 unknown eni-0aa11 - - - - - - - 1700000000000 1700000060000 - SKIPDATA"),
        Ok(FlowLine::SkipData { account: None, interface: Some("eni-0aa11") })
    ));
    assert!(matches!(decoder.decode(" \r\n"), Ok(FlowLine::Empty)));
    // Without log-status a line without any traffic is silence too.
    let mut decoder = FlowDecoder::new(Some(FlowFormat::parse("interface-id srcaddr bytes").expect("format")));
    assert!(matches!(decoder.decode("eni-0aa11 - -"), Ok(FlowLine::NoData { account: None, interface: Some("eni-0aa11") })));
    assert!(matches!(decoder.decode("eni-0aa11 - 1"), Ok(FlowLine::Flow(_))));
}

#[test]
fn a_header_states_the_format_of_what_follows() {
    let mut decoder = FlowDecoder::new(None);
    let line = "i-0123 eni-0aa11 10.0.0.5 -";
    assert_eq!(refused(&mut decoder, line).code, ErrorCode::FlowFormatUnknown);
    assert!(matches!(decoder.decode("instance_id interface_id pkt_srcaddr quantum_path"), Ok(FlowLine::Header)));
    let flow = flow(&mut decoder, line);
    assert_eq!(flow.get(Column::PktSrcAddr), ip("10.0.0.5"));
    assert_eq!((flow.start_ms(), flow.account()), (None, None));
}

#[test]
fn every_column_of_every_version_is_read() {
    use crate::event::flow::{COLUMNS, ColumnKind};
    let names: Vec<&str> = COLUMNS.iter().map(|c| c.name()).collect();
    let value = |column: Column| match (column, column.kind()) {
        (Column::Version, _) => "11".to_owned(),
        (Column::Action, _) => "REJECT".to_owned(),
        (Column::LogStatus, _) => "OK".to_owned(),
        (Column::Start | Column::End, _) => "1700000000".to_owned(),
        (Column::Protocol, _) => "17".to_owned(),
        (_, ColumnKind::Number) => (column as u8).to_string(),
        (_, ColumnKind::Address) => format!("10.0.0.{}", column as u8),
        (_, ColumnKind::Text) => format!("x%20{}", column as u8),
    };
    let line = COLUMNS.iter().map(|c| value(*c)).collect::<Vec<_>>().join(" ");
    let mut decoder = FlowDecoder::new(Some(FlowFormat::from_names(&names).expect("format")));
    let flow = flow(&mut decoder, &line);
    for column in COLUMNS {
        let raw = value(column);
        let expected = match column.kind() {
            ColumnKind::Number => raw.parse().ok().and_then(int),
            ColumnKind::Address => ip(&raw),
            ColumnKind::Text if column.name().contains("-tag") => text(&raw.replace("%20", " ")).map(Value::into_owned),
            ColumnKind::Text => text(&raw).map(Value::into_owned),
        };
        assert_eq!(flow.get(column).map(Value::into_owned), expected, "{}", column.name());
    }
}

#[test]
fn transit_gateway_logs_have_no_action() {
    let line = "6 TransitGatewayAttachment 001234567890 tgw-0a tgw-attach-0a 001234567890 001234567891 vpc-0a vpc-0b subnet-0a \
        subnet-0b eni-0a eni-0b use1-az1 use1-az2 tgw-attach-0b 10.0.0.5 10.1.0.5 443 49152 6 10 840 1700000000 1700000060 OK \
        IPv4 1 0 0 0 18 us-east-1 egress - S3";
    let mut decoder = FlowDecoder::new(None);
    let flow = flow(&mut decoder, line);
    assert!(flow.is_transit_gateway());
    assert_eq!((flow.get(Column::PacketsLostNoRoute), flow.get(Column::TcpFlags)), (int(1), int(18)));
    assert_eq!((flow.get(Column::Action), flow.get(Column::PktSrcAwsService)), (None, None));
    assert_eq!(flow.get(Column::PktDstAwsService), text("S3"));
}

#[test]
fn interleaved_formats_are_decided_line_by_line() {
    let format = |names| FlowFormat::parse(names).expect("format");
    let permuted =
        format("version account-id interface-id srcaddr dstaddr srcport dstport protocol start end packets bytes action log-status");
    let short = format("srcaddr dstaddr action");
    let mut decoder = FlowDecoder::with_formats([permuted, short]);
    for _ in 0..3 {
        // 14 columns either way: only the plausible times tell which is which.
        assert_eq!(flow(&mut decoder, ACCEPTED).get(Column::Bytes), int(840));
        let other = "2 001234567890 eni-0aa11 10.0.0.5 198.51.100.7 443 49152 6 1700000000 1700000060 10 840 ACCEPT OK";
        assert_eq!(flow(&mut decoder, other).get(Column::Bytes), int(840));
        assert_eq!(flow(&mut decoder, "10.0.0.5 10.0.0.6 REJECT").get(Column::Action), text("REJECT"));
    }
}

#[test]
fn implausible_values_are_taken_when_no_other_format_claims_them() {
    let mut decoder = FlowDecoder::new(None);
    let line = "2 7 if0 10.0.0.5 198.51.100.7 443 49152 6 10 840 1000 1060 ACCEPT OK";
    assert_eq!(flow(&mut decoder, line).start_ms(), Some(1_000_000));
}

#[test]
fn refusals_name_column_content_and_remedy() {
    let mut decoder = FlowDecoder::new(None);
    let mut value = |from: &str, to: &str| {
        let error = refused(&mut decoder, &ACCEPTED.replacen(from, to, 1));
        assert_eq!(error.code, ErrorCode::FlowColumnValue);
        assert!(error.detail.contains("--flow-format"), "{error}");
        (error.offset, error.detail.split(';').next().expect("first part").to_owned())
    };
    let expect = |offset, detail: &str| (offset, detail.to_owned());
    assert_eq!(
        value("10.0.0.5", "10.0.0.05"),
        expect(25, "column 4 (srcaddr) holds \"10.0.0.05\" where an IPv4 or IPv6 address or - is expected")
    );
    assert_eq!(value("443", "65536"), expect(47, "column 6 (srcport) holds \"65536\" where a number up to 65535 or - is expected"));
    assert_eq!(value("2 0", "\"2 0"), expect(0, "column 1 (version) holds \"\\\"2\" where a number from 1 to 255 is expected"));
    assert_eq!(
        value("ACCEPT", "acc\u{7f}\u{e9}"),
        expect(88, "column 13 (action) holds \"acc\\x7f\\xc3\\xa9\" where ACCEPT, REJECT or - is expected")
    );
    assert_eq!(value("OK", "-"), expect(95, "column 14 (log-status) holds \"-\" where OK, NODATA or SKIPDATA is expected"));
}

#[test]
fn refusals_of_the_number_of_columns() {
    let mut decoder = FlowDecoder::new(None);
    let error = refused(&mut decoder, "2 001234567890 eni-0aa11");
    assert_eq!(error.code, ErrorCode::FlowFormatUnknown);
    assert_eq!(
        error.detail,
        "a flow-log line of 3 columns without a header, where formats of 14, 36 columns are known; state its columns with --flow-format"
    );
    let mut decoder = FlowDecoder::new(Some(FlowFormat::parse("srcaddr,dstaddr").expect("format")));
    let error = refused(&mut decoder, "10.0.0.1");
    assert_eq!(error.code, ErrorCode::FlowColumnCount);
    assert_eq!(error.detail, "a flow-log line of 1 columns where the stated format has 2; state its columns with --flow-format");
    assert_eq!(refused(&mut decoder, &"1 ".repeat(1000)).code, ErrorCode::FlowColumnCount);
    let backwards = ACCEPTED.replace("1700000060", "1699999999");
    assert!(refused(&mut decoder, &backwards).detail.starts_with("column 12 (end) lies before column 11 (start)"));
}
