//! Every scalar of a document: what a keyword search looks at. Cold.

use super::fault::{Fault, Scan};
use super::scan::Scanner;
use crate::decode::DecodeError;
use crate::event::Value;

/// Visits every scalar of a JSON text, in order. Keys are not visited.
///
/// # Errors
/// The text is malformed, cut short, nests too deep or goes on after its end.
pub fn leaves<'a>(text: &'a str, visit: &mut impl FnMut(&Value<'a>)) -> Result<(), DecodeError> {
    let mut scanner = Scanner::new(text);
    whole(&mut scanner, visit).map_err(|fault| scanner.error(fault))
}

/// Visits every scalar of a value: itself, or those inside its JSON text. What is malformed inside was refused when the event
/// was decoded, so nothing is reported here.
pub fn leaves_of_json<'a>(value: &Value<'a>, visit: &mut impl FnMut(&Value<'a>)) {
    match value {
        Value::Json(text) => leaves(text, visit).unwrap_or(()),
        scalar => visit(scalar),
    }
}

fn whole<'a>(scanner: &mut Scanner<'a>, visit: &mut impl FnMut(&Value<'a>)) -> Scan<()> {
    scanner.skip_space();
    value(scanner, visit)?;
    scanner.finish()
}

fn value<'a>(scanner: &mut Scanner<'a>, visit: &mut impl FnMut(&Value<'a>)) -> Scan<()> {
    let closing = match scanner.peek() {
        b'{' => b'}',
        b'[' => b']',
        0 => return Err(Fault::Value),
        _ => {
            visit(&scanner.scalar()?);
            return Ok(());
        }
    };
    let mut more = scanner.open(closing)?;
    while more {
        if closing == b'}' {
            scanner.key()?;
        }
        value(scanner, visit)?;
        more = scanner.more(closing)?;
    }
    Ok(())
}
