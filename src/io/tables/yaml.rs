//! YAML: one list of maps. A list is a cell several times; a map inside a row gives cells with dotted names (`tags.KEY`).

use tidegate_core::enrich::{Builder, TableKind};
use tidegate_core::rule::parse_documents;
use tidegate_core::rule::yaml::Kind;

/// Hands over all rows.
pub(super) fn rows(builder: &mut Builder, kind: TableKind, file: &str, text: &str) {
    let (documents, faults) = parse_documents(file, text);
    for fault in &faults {
        let line = u64::from(fault.place.line);
        builder.refuse(line, format!("{}: {}: {}", fault.what, fault.why, fault.remedy));
    }
    for document in &documents {
        match &document.kind {
            Kind::Null => {}
            Kind::List(rows) => rows.iter().for_each(|row| super::give(builder, u64::from(row.place.line), &row.cells())),
            _ => {
                let text = format!("{}: a table is a list of rows, like `- {}: ...`", document.describe(), kind.key());
                builder.refuse(u64::from(document.place.line), text);
            }
        }
    }
}
