//! The parts that are services of AWS. Topics are looked at one after the other, each within its own time.

use super::{Finding, Health};
use crate::config::{KinesisStream, Sns};
use crate::io::aws::sns::message::{of_page, test_document};
use crate::io::aws::sns::{Fault, Marks, Topic};
use crate::io::aws::{Stream, service::Service};
use crate::io::clock::now_ms;
use crate::run::live::pages::{first, second_topic};
use tokio::runtime::Runtime;

fn runtime() -> Result<Runtime, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|e| format!("cannot start a runtime for calls to AWS: {e}"))
}

/// A stream lists its shards.
pub(super) fn stream_of(part: String, settings: &KinesisStream) -> Finding {
    let stream = Stream {
        stream: settings.stream.clone(),
        region: settings.region.clone(),
        endpoint_url: settings.endpoint_url.clone(),
        role_arn: settings.role_arn.clone(),
        external_id: settings.external_id.clone(),
    };
    let listed = runtime().and_then(|runtime| {
        runtime.block_on(async {
            let service = Service::connect(stream).await?;
            service.list().await.map_err(|refusal| format!("cannot list the shards of stream {}: {refusal:?}", settings.stream))
        })
    });
    match listed {
        Ok(listing) => Finding::new(part, Health::Fine, format!("stream {}: {} shards", settings.stream, listing.shards.len())),
        Err(why) => Finding::new(part, Health::Failed, why),
    }
}

/// Every topic of both channels, each once for each route: looked at, or sent a test page of this id.
pub(super) fn pages_by_sns(settings: &Sns, test: Option<&str>) -> Vec<Finding> {
    let mut out = Vec::new();
    for (route, critical) in [("critical", true), ("high", false)] {
        let part = format!("sinks.sns.routes.{route}");
        out.push(first(settings, critical).and_then(|topic| ask(part.clone(), topic, route, test, false)).unwrap_or_else(failed(part)));
        let part = format!("sinks.sns.second.routes.{route}");
        match second_topic(settings, critical) {
            Ok(Some(topic)) => out.push(ask(part.clone(), topic, route, test, true).unwrap_or_else(failed(part))),
            Ok(None) => {}
            Err(why) => out.push(Finding::new(part, Health::Failed, why)),
        }
    }
    if let Some(file) = settings.second.as_ref().and_then(|second| second.file.as_ref()) {
        let text = format!("{}: only the service writes it", file.display());
        out.push(Finding::new("sinks.sns.second.file", Health::Fine, text));
    }
    out
}

fn failed(part: String) -> impl FnOnce(String) -> Finding {
    move |why| Finding::new(part, Health::Failed, why)
}

fn ask(part: String, mut topic: Topic, route: &str, test: Option<&str>, second: bool) -> Result<Finding, String> {
    let (runtime, limit) = (runtime()?, topic.timeout());
    let Some(id) = test else {
        return Ok(looked_at(part, runtime.block_on(topic.look())));
    };
    // Both channels and every route have an id of their own: a FIFO topic would drop the second page of one.
    let id = format!("{id}-{route}{}", if second { "-second" } else { "" });
    let marks = Marks { second, test: true, repeated: false };
    let message = of_page(&test_document(route, &id, now_ms()), &id, topic.fifo(), marks);
    Ok(match runtime.block_on(topic.publish(&message, limit)) {
        Ok(accepted) => Finding::new(part, Health::Fine, format!("test page {id} was accepted by {} as {accepted}", topic.arn())),
        Err(fault) => Finding::new(part, Health::Failed, fault.why().to_owned()),
    })
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
