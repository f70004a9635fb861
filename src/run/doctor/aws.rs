//! The parts that are services of AWS. Topics are looked at one after the other, each within its own time.

use super::{Finding, Health};
use crate::config::{KinesisStream, Ownership, Sns};
use crate::io::aws::ask;
use crate::io::aws::sns::message::{of_page, test_document};
use crate::io::aws::sns::{Fault, Marks, Topic};
use crate::io::clock::now_ms;
use crate::io::port::{LeaseRow, LeaseTable};
use crate::run::live::aws::{lease_table, stream};
use crate::run::live::pages::{first, second_topic};
use std::time::Duration;
use tidegate_core::alert::neutral::terminal;
use tidegate_core::event::time::format_rfc3339;

/// Longest time of a look at the ownership row.
const ROW: Duration = Duration::from_secs(5);

/// A stream lists its shards.
pub(super) fn stream_of(part: String, settings: &KinesisStream) -> Finding {
    match ask::shards(stream(settings)) {
        Ok(shards) => Finding::new(part, Health::Fine, format!("stream {}: {shards} shards", settings.stream)),
        Err(why) => Finding::new(part, Health::Failed, why),
    }
}

/// Every topic of both channels, each once for each route: looked at, or sent a test page of this id.
pub(super) fn pages_by_sns(settings: &Sns, test: Option<&str>) -> Vec<Finding> {
    let mut out = Vec::new();
    for (route, critical) in [("critical", true), ("high", false)] {
        let channels = [(first(settings, critical).map(Some), ""), (second_topic(settings, critical), "second.")];
        for (topic, channel) in channels {
            let part = format!("sinks.sns.{channel}routes.{route}");
            match topic {
                Ok(Some(mut topic)) => out.push(match test {
                    None => looked_at(part, ask::topic(&mut topic)),
                    Some(id) => sent(part, &mut topic, route, id, !channel.is_empty()),
                }),
                Ok(None) => {}
                Err(why) => out.push(Finding::new(part, Health::Failed, why)),
            }
        }
    }
    if let Some(file) = settings.second.as_ref().and_then(|second| second.file.as_ref()) {
        let text = format!("{}: only the service writes it", file.display());
        out.push(Finding::new("sinks.sns.second.file", Health::Fine, text));
    }
    out
}

fn sent(part: String, topic: &mut Topic, route: &str, id: &str, second: bool) -> Finding {
    // Both channels and every route have an id of their own: a FIFO topic would drop the second page of one.
    let id = format!("{id}-{route}{}", if second { "-second" } else { "" });
    let marks = Marks { second, test: true, repeated: false };
    let message = of_page(&test_document(route, &id, now_ms()), &id, topic.fifo(), marks);
    match ask::publish(topic, &message) {
        Ok(accepted) => Finding::new(part, Health::Fine, format!("test page {id} was accepted by {} as {accepted}", topic.arn())),
        Err(fault) => Finding::new(part, Health::Failed, fault.why().to_owned()),
    }
}

fn looked_at(part: String, looked: Result<(String, u64), Fault>) -> Finding {
    match looked {
        Ok((text, 0)) => Finding::new(part, Health::Doubtful, format!("{text}: nobody is paged by it")),
        Ok((text, _)) => Finding::new(part, Health::Fine, text),
        Err(fault) if fault.why().contains("AuthorizationError") => {
            let text =
                format!("it may not be looked at (sns:GetTopicAttributes); --test-page says whether it takes pages: {}", fault.why());
            Finding::new(part, Health::Doubtful, text)
        }
        Err(fault) => Finding::new(part, Health::Failed, fault.why().to_owned()),
    }
}

/// The ownership row: the table answers, and who holds it.
pub(super) fn row_of(settings: &Ownership) -> Finding {
    let finding = |health, text: String| Finding::new("ownership", health, text);
    let mut table = match lease_table(settings, ROW) {
        Ok(table) => table,
        Err(why) => return finding(Health::Failed, why),
    };
    let row = format!("row `{}` of {}", settings.name, table.place());
    match table.read(&settings.name) {
        Err(why) => finding(Health::Failed, why.to_string()),
        Ok(None) => finding(Health::Fine, format!("{row} was never held")),
        Ok(Some(LeaseRow { holder: None, .. })) => finding(Health::Fine, format!("{row} is free")),
        Ok(Some(LeaseRow { holder: Some(holder), epoch, .. })) => {
            let since = format_rfc3339(holder.since_ms);
            finding(Health::Fine, format!("{row} is held by {} since {since} (epoch {epoch})", terminal(&holder.place)))
        }
    }
}
