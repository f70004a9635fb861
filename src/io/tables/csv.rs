//! CSV with a header line. Quoted cells, any line ending, blanks around cells; lines that begin with `#` are remarks.

use tidegate_core::enrich::{Builder, TableKind};

/// Hands over all rows.
pub(super) fn rows(builder: &mut Builder, kind: TableKind, _file: &str, text: &str) {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).comment(Some(b'#')).from_reader(text.as_bytes());
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => return builder.refuse(1, error.to_string()),
    };
    if !header.iter().any(|column| column.eq_ignore_ascii_case(kind.key())) {
        let found: Vec<&str> = header.iter().take(12).collect();
        let known = kind.columns().join(",");
        let text = format!("no column `{}` in the header `{}`; begin the file with {known}", kind.key(), found.join(","));
        return builder.refuse(1, text);
    }
    let mut record = csv::StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => return,
            Ok(true) => {}
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                builder.refuse(line, told(&error));
                continue;
            }
        }
        let cells: Vec<(&str, &str)> = header.iter().zip(&record).collect();
        builder.row(record.position().map_or(0, csv::Position::line), &cells);
    }
}

fn told(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} cells, the header has {expected_len}: quote cells that hold commas")
        }
        _ => error.to_string(),
    }
}
