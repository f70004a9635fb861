//! Records to events, as the Intake takes them apart, handed over one by one.

use crate::decode::vpcflow::{Flow, FlowDecoder, FlowFormat, FlowLine};
use crate::decode::{Emit, Hints, Unit, envelope};
use crate::detect::Stamp;
use crate::event::{Form, Position, Record};

/// What stands at a place of a record.
pub(super) enum Met<'x, 'a> {
    /// An event.
    Event(&'x Unit<'a>, Option<&'x Flow<'x, 'a>>),
    /// Nothing that rules see, and why.
    Other(String),
}

/// Calls `visit` with everything in the records, in order.
pub(super) fn walk(records: &[Record], hints: &Hints, visit: &mut dyn FnMut(Met<'_, '_>, Stamp)) {
    let stated = hints.flow_format.as_ref().and_then(|columns| FlowFormat::from_names(columns).ok());
    let mut flows = FlowDecoder::new(stated);
    for record in records {
        if !record.lines {
            unwrap(record, 0, &record.bytes, hints, &mut flows, visit);
            continue;
        }
        for (line, bytes) in (0u64..).zip(record.bytes.split(|byte| *byte == b'\n')) {
            let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
            if !bytes.is_empty() {
                unwrap(record, line, bytes, hints, &mut flows, visit);
            }
        }
    }
}

fn unwrap(record: &Record, line: u64, bytes: &[u8], hints: &Hints, flows: &mut FlowDecoder, visit: &mut dyn FnMut(Met<'_, '_>, Stamp)) {
    let mut ordinal = 0u32;
    envelope::unwrap(bytes, hints, &mut |emit| {
        let Position { source, shard, sequence, sub_sequence } = &record.position;
        let sub_sequence = sub_sequence.saturating_add(ordinal);
        let position = Position { source: source.clone(), shard: shard.clone(), sequence: sequence.plus(line), sub_sequence };
        let stamp = Stamp { position, arrival_ms: record.arrival_ms };
        ordinal += 1;
        match emit {
            Emit::Unit(unit) if matches!(unit.form, Form::VpcFlow | Form::TransitGatewayFlow) => flow(&unit, flows, visit, stamp),
            Emit::Unit(unit) => visit(Met::Event(&unit, None), stamp),
            Emit::Filtered(why) => visit(Met::Other(format!("no event: {why:?}")), stamp),
            Emit::Bad(error, _) => visit(Met::Other(format!("it cannot be read: {error}")), stamp),
        }
    });
}

fn flow(unit: &Unit<'_>, flows: &mut FlowDecoder, visit: &mut dyn FnMut(Met<'_, '_>, Stamp), stamp: Stamp) {
    match flows.decode(unit.text) {
        Ok(FlowLine::Flow(flow)) => {
            let form = if flow.is_transit_gateway() { Form::TransitGatewayFlow } else { Form::VpcFlow };
            visit(Met::Event(&Unit { form, ..unit.clone() }, Some(&flow)), stamp);
        }
        Ok(FlowLine::Header | FlowLine::Empty) => {}
        Ok(_) => visit(Met::Other("no event: a line that says that nothing was recorded".to_owned()), stamp),
        Err(error) => visit(Met::Other(format!("it cannot be read: {error}")), stamp),
    }
}
