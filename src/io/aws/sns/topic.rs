//! A topic: the calls, each bounded in time, several at once.
//!
//! Owns the client, which is made with the first call. A page that SNS refuses for what it is goes out once more in its least form: somebody
//! must be paged all the same. Never retries otherwise and keeps nothing.

use super::fault::{Fault, of_call};
use super::message::{self, Marks, Message};
use crate::io::aws::client::{Access, load};
use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{sleep, timeout};

/// Connections are looked after so long before calls begin.
const SETTLE: Duration = Duration::from_millis(1);

/// Which topic, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSettings {
    /// Its ARN.
    pub arn: String,
    /// Region (that of the ARN), endpoint, role.
    pub access: Access,
    /// Longest time of one call.
    pub timeout: Duration,
}

/// A topic.
#[derive(Debug)]
pub struct Topic {
    settings: TopicSettings,
    arn: Arc<str>,
    fifo: bool,
    client: Option<Client>,
}

/// A page on its way.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// Its number, for whoever asks.
    pub at: usize,
    /// The alert's document.
    pub document: Arc<Value>,
    /// The alert's id.
    pub alert: Arc<str>,
    /// What the receiver is to know.
    pub marks: Marks,
}

impl Topic {
    /// A topic. Nothing is loaded or called yet.
    #[must_use]
    pub fn new(settings: TopicSettings) -> Self {
        let (arn, fifo) = (settings.arn.as_str().into(), settings.arn.ends_with(".fifo"));
        Topic { settings, arn, fifo, client: None }
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Whether it is a FIFO topic, by its name.
    #[must_use]
    pub fn fifo(&self) -> bool {
        self.fifo
    }

    /// Longest time of one call.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    async fn client(&mut self) -> Result<Client, String> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let config = load(&self.settings.access, self.settings.timeout).await.map_err(|why| format!("cannot reach {}: {why}", self.arn))?;
        Ok(self.client.insert(Client::new(&config)).clone())
    }

    /// Publishes pages, all at once, each within `limit`: the ids that SNS gave them, or why not.
    pub async fn publish_all(&mut self, parcels: Vec<Parcel>, limit: Duration) -> Vec<(usize, Result<String, Fault>)> {
        let client = match self.client().await {
            Ok(client) => client,
            Err(why) => return parcels.into_iter().map(|parcel| (parcel.at, Err(Fault::Again(why.clone())))).collect(),
        };
        settle().await;
        let ats: Vec<usize> = parcels.iter().map(|parcel| parcel.at).collect();
        let mut calls = JoinSet::new();
        for parcel in parcels {
            calls.spawn(within(client.clone(), self.arn.clone(), self.fifo, parcel, limit));
        }
        let mut out = calls.join_all().await;
        out.sort_by_key(|(at, _)| *at);
        debug_assert!(out.iter().map(|(at, _)| at).eq(&ats), "every page has an answer");
        out
    }

    /// Publishes a message that is no page.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn publish(&mut self, message: &Message, limit: Duration) -> Result<String, Fault> {
        let client = self.client().await.map_err(Fault::Again)?;
        settle().await;
        timeout(limit, send(&client, &self.arn, message)).await.unwrap_or_else(|_| Err(late(&self.arn)))
    }

    /// What SNS says of it, and how many subscriptions are confirmed.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn look(&mut self) -> Result<(String, u64), Fault> {
        let client = self.client().await.map_err(Fault::Again)?;
        let answer = client.get_topic_attributes().topic_arn(&*self.arn).send().await;
        let answer = answer.map_err(|e| {
            let status = e.raw_response().map(|raw| raw.status().as_u16());
            of_call(&format!("look at topic {}", self.arn), &e, status)
        })?;
        let attributes = answer.attributes.unwrap_or_default();
        let number = |name: &str| attributes.get(name).map_or("?", String::as_str);
        let (confirmed, pending) = (number("SubscriptionsConfirmed"), number("SubscriptionsPending"));
        let text = format!("topic {}: {confirmed} subscriptions confirmed, {pending} pending", self.arn);
        // What SNS does not say is no reason for a doubt.
        Ok((text, confirmed.parse().unwrap_or(1)))
    }
}

/// Between deliveries nobody looks after the connections. One that SNS has closed meanwhile is noticed here; used, it would give a page
/// of which nobody knows whether it was taken.
async fn settle() {
    sleep(SETTLE).await;
    yield_now().await;
}

fn late(arn: &str) -> Fault {
    Fault::Unknown(format!("cannot publish to {arn}: no answer in time; it may have been taken"))
}

/// A page within its time, whole or in its least form.
async fn within(client: Client, arn: Arc<str>, fifo: bool, parcel: Parcel, limit: Duration) -> (usize, Result<String, Fault>) {
    let told = timeout(limit, whole_or_least(&client, &arn, fifo, &parcel)).await;
    (parcel.at, told.unwrap_or_else(|_| Err(late(&arn))))
}

async fn whole_or_least(client: &Client, arn: &str, fifo: bool, parcel: &Parcel) -> Result<String, Fault> {
    let Parcel { document, alert, marks, .. } = parcel;
    let whole = send(client, arn, &message::of_page(document, alert, fifo, *marks)).await;
    let Err(Fault::Message(why)) = whole else { return whole };
    match send(client, arn, &message::least(document, alert, fifo, *marks)).await {
        Err(Fault::Message(least)) => Err(Fault::Message(format!("{why}; and in its least form: {least}"))),
        Ok(id) => {
            tracing::warn!(alert = %tidegate_core::alert::neutral::terminal(alert), "a page was cut to its least form: {why}");
            Ok(id)
        }
        other => other,
    }
}

async fn send(client: &Client, arn: &str, message: &Message) -> Result<String, Fault> {
    let mut call = client.publish().topic_arn(arn).message(&message.body).set_subject(message.subject.clone());
    if message.structured {
        call = call.message_structure("json");
    }
    if let Some(order) = &message.order {
        call = call.message_group_id(&order.group).message_deduplication_id(&order.deduplication);
    }
    let text = |value: &str| MessageAttributeValue::builder().data_type("String").string_value(value).build();
    let mut attributes = HashMap::new();
    for (name, value) in &message.attributes {
        attributes.insert((*name).to_owned(), text(value).map_err(|e| Fault::Message(format!("the attribute {name}: {e}")))?);
    }
    let answer = call.set_message_attributes(Some(attributes)).send().await;
    let answer = answer.map_err(|e| {
        let status = e.raw_response().map(|raw| raw.status().as_u16());
        of_call(&format!("publish to {arn}"), &e, status)
    })?;
    Ok(answer.message_id.unwrap_or_default())
}
