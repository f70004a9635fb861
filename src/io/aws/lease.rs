//! A lease table in DynamoDB.
//!
//! Owns the row's layout, the conditions of each write, and what an error means. Every write is one conditional call; none is
//! repeated by itself. Names are those of Amazon's Kinesis Client Library where a thing means the same:
//!
//! | attribute | | |
//! |---|---|---|
//! | `leaseKey` | S, partition key | the name |
//! | `leaseOwner` | S, absent: given back | who holds it; begins with `tidegate/` |
//! | `leaseCounter` | N | raised by every write |
//! | `ownerSwitchesSinceCheckpoint` | N | how often it was taken |
//! | `stateEpoch` | N | our own: the epoch |
//! | `entityType` | S | `OWNERSHIP` |
//! | `ownerPlace`, `ownerState`, `ownerSinceMs`, `leaseTermMs` | S, S, N, N | our own: see [`Holder`] |
//!
//! The row holds no position, and is no shard's: the table must not be one that a Kinesis Client Library scans. A row that somebody
//! else wrote is refused, never taken.

use super::call::{cause, is_denial, runtime};
use super::client::{Access, load};
use crate::io::port::{Holder, LeaseError, LeaseRow, LeaseTable, Renewal};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ReturnValuesOnConditionCheckFailure, ScalarAttributeType,
    TableStatus,
};
use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;
use tokio::runtime::Runtime;

/// What every owner of ours begins with.
const OURS: &str = "tidegate/";
/// Longest time until a new table is there.
const MADE_MAX: Duration = Duration::from_secs(60);

type Item = HashMap<String, AttributeValue>;

/// A table.
#[derive(Debug)]
pub struct DynamoLeases {
    runtime: Runtime,
    client: Client,
    table: String,
}

/// Whether a table is there and of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableState {
    /// It is not there.
    Absent,
    /// It is there, with the right key.
    Ready,
}

impl DynamoLeases {
    /// A table; nothing is called yet. A call takes at most `call`.
    ///
    /// # Errors
    /// If no Region is known.
    pub fn new(table: &str, access: &Access, call: Duration) -> Result<Self, String> {
        let runtime = runtime()?;
        let settings = runtime.block_on(load(access, call))?;
        Ok(DynamoLeases { client: Client::new(&settings), runtime, table: table.to_owned() })
    }

    /// The table, for people.
    #[must_use]
    pub fn place(&self) -> String {
        let region = self.client.config().region().map(|region| format!(" in {region}")).unwrap_or_default();
        format!("DynamoDB table `{}`{region}", self.table)
    }

    /// Whether the table is there.
    ///
    /// # Errors
    /// [`LeaseError`]; also if its key is another.
    pub fn state(&mut self) -> Result<TableState, LeaseError> {
        let answer = match self.runtime.block_on(self.client.describe_table().table_name(&self.table).send()) {
            Ok(answer) => answer.table,
            Err(e) if e.code() == Some("ResourceNotFoundException") => return Ok(TableState::Absent),
            Err(e) => return Err(self.error("look at", &e)),
        };
        let keys: Vec<String> = answer
            .iter()
            .flat_map(|t| t.key_schema.iter().flatten())
            .map(|key| format!("{} {}", key.key_type, key.attribute_name))
            .collect();
        if keys == ["HASH leaseKey"] {
            return Ok(TableState::Ready);
        }
        let found = if keys.is_empty() { "none".to_owned() } else { keys.join(", ") };
        let remedy = "name another table in `ownership.table`, which `tidegate setup aws` can make";
        Err(LeaseError::Unusable(format!("{} has another key than `leaseKey` ({found}): {remedy}", self.place())))
    }

    /// Makes the table, and waits until it can be used.
    ///
    /// # Errors
    /// [`LeaseError`].
    pub fn make(&mut self) -> Result<(), LeaseError> {
        let built = |e: aws_sdk_dynamodb::error::BuildError| LeaseError::Unusable(e.to_string());
        let key = KeySchemaElement::builder().attribute_name("leaseKey").key_type(KeyType::Hash).build().map_err(built)?;
        let attribute = AttributeDefinition::builder().attribute_name("leaseKey").attribute_type(ScalarAttributeType::S).build();
        let call = self.client.create_table().table_name(&self.table).billing_mode(BillingMode::PayPerRequest);
        let call = call.key_schema(key).attribute_definitions(attribute.map_err(built)?);
        match self.runtime.block_on(call.send()) {
            Ok(_) => {}
            // Somebody else makes it.
            Err(e) if e.code() == Some("ResourceInUseException") => {}
            Err(e) => return Err(self.error("make", &e)),
        }
        let since = crate::io::clock::Stopwatch::start();
        while since.elapsed() < MADE_MAX {
            let answer = self.runtime.block_on(self.client.describe_table().table_name(&self.table).send());
            if answer.is_ok_and(|a| a.table.is_some_and(|t| t.table_status == Some(TableStatus::Active))) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        Err(LeaseError::Unavailable(format!("{} is being made, and not there after a minute: look at it again", self.place())))
    }

    fn update(&self, name: &str) -> UpdateItemFluentBuilder {
        let call = self.client.update_item().table_name(&self.table).key("leaseKey", text(name));
        call.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// Sends a write; `Err(item)`: its condition did not hold, and what stands there instead.
    fn send(&self, doing: &str, call: UpdateItemFluentBuilder) -> Result<Result<(), Option<Item>>, LeaseError> {
        match self.runtime.block_on(call.send()) {
            Ok(_) => Ok(Ok(())),
            Err(e) => match e.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => Ok(Err(failed.item().cloned())),
                _ => Err(self.error(doing, &e)),
            },
        }
    }

    fn row(&self, name: &str, item: &Item) -> Result<LeaseRow, LeaseError> {
        row(item).map_err(|why| {
            let remedy = "name a table of its own in `ownership.table`, or another `ownership.name`";
            LeaseError::Unusable(format!("row `{name}` of {} was not written by Tidegate ({why}): {remedy}", self.place()))
        })
    }

    fn error<E, R>(&self, doing: &str, error: &SdkError<E, R>) -> LeaseError
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: std::fmt::Debug,
    {
        let cause = cause(error.code(), error.message(), error.as_service_error().map_or(error as &dyn Error, |e| e));
        let text = |remedy: &str| format!("cannot {doing} {}: {cause}; {remedy}", self.place());
        let known = "check credentials and Region (`aws sts get-caller-identity`)";
        match error {
            SdkError::ServiceError(_) => match error.code().unwrap_or_default() {
                "ResourceNotFoundException" => {
                    LeaseError::Unusable(text("make it with `tidegate setup aws`, or correct `ownership.table`"))
                }
                code if is_denial(code) => {
                    LeaseError::Unusable(text("check the credentials and the policy (`tidegate setup aws --policy`)"))
                }
                "ValidationException" => LeaseError::Unusable(text("correct `ownership.table`")),
                _ => LeaseError::Unavailable(text("it is tried again")),
            },
            SdkError::ConstructionFailure(_) => LeaseError::Unusable(text(known)),
            SdkError::DispatchFailure(failure) if failure.is_other() => LeaseError::Unusable(text(known)),
            _ => LeaseError::Unavailable(text("it is tried again")),
        }
    }
}

impl LeaseTable for DynamoLeases {
    fn read(&mut self, name: &str) -> Result<Option<LeaseRow>, LeaseError> {
        let call = self.client.get_item().table_name(&self.table).key("leaseKey", text(name)).consistent_read(true);
        let answer = self.runtime.block_on(call.send()).map_err(|e| self.error("read", &e))?;
        answer.item.map(|item| self.row(name, &item)).transpose()
    }

    fn take(&mut self, name: &str, seen: Option<&LeaseRow>, holder: &Holder) -> Result<Option<LeaseRow>, LeaseError> {
        let (epoch, counter) = seen.map_or((0, 0), |row| (row.epoch, row.counter));
        let row = LeaseRow { holder: Some(holder.clone()), epoch: epoch + 1, counter: counter + 1 };
        let call = self.update(name).set_expression_attribute_values(Some(values(&row)));
        let call = call.update_expression(
            "SET leaseOwner = :owner, leaseCounter = :counter, stateEpoch = :epoch, entityType = :entity, ownerPlace = :place, \
             ownerState = :state, ownerSinceMs = :since, leaseTermMs = :term ADD ownerSwitchesSinceCheckpoint :one",
        );
        let call = match seen {
            None => call.condition_expression("attribute_not_exists(leaseKey)"),
            Some(row) => {
                let call = call.expression_attribute_values(":seenCounter", number(row.counter));
                let call = call.expression_attribute_values(":seenEpoch", number(row.epoch));
                let same = "leaseCounter = :seenCounter AND stateEpoch = :seenEpoch AND ";
                match &row.holder {
                    None => call.condition_expression(format!("{same}attribute_not_exists(leaseOwner)")),
                    Some(holder) => call
                        .condition_expression(format!("{same}leaseOwner = :seenOwner"))
                        .expression_attribute_values(":seenOwner", text(&holder.id)),
                }
            }
        };
        Ok(self.send("take the row in", call)?.ok().map(|()| row))
    }

    fn renew(&mut self, name: &str, id: &str, epoch: u64) -> Result<Renewal, LeaseError> {
        let call = self.update(name).update_expression("ADD leaseCounter :one");
        match self.send("renew the row in", held(call, id, epoch))? {
            Ok(()) => Ok(Renewal::Held),
            // Whoever wrote what stands there, it is not ours.
            Err(item) => Ok(Renewal::Lost(item.and_then(|item| row(&item).ok()))),
        }
    }

    fn release(&mut self, name: &str, id: &str, epoch: u64) -> Result<(), LeaseError> {
        let call = self.update(name).update_expression("REMOVE leaseOwner ADD leaseCounter :one");
        self.send("give back the row in", held(call, id, epoch)).map(drop)
    }
}

/// The condition that the row is still ours.
fn held(call: UpdateItemFluentBuilder, id: &str, epoch: u64) -> UpdateItemFluentBuilder {
    let call = call.condition_expression("leaseOwner = :owner AND stateEpoch = :epoch");
    let call = call.expression_attribute_values(":owner", text(id)).expression_attribute_values(":epoch", number(epoch));
    call.expression_attribute_values(":one", number(1))
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn number(n: u64) -> AttributeValue {
    AttributeValue::N(n.to_string())
}

/// What a row that is taken is written with.
fn values(row: &LeaseRow) -> Item {
    let mut out = Item::from([
        (":counter".to_owned(), number(row.counter)),
        (":epoch".to_owned(), number(row.epoch)),
        (":entity".to_owned(), text("OWNERSHIP")),
        (":one".to_owned(), number(1)),
    ]);
    if let Some(holder) = &row.holder {
        out.extend([
            (":owner".to_owned(), text(&holder.id)),
            (":place".to_owned(), text(&holder.place)),
            (":state".to_owned(), text(&holder.state)),
            (":since".to_owned(), AttributeValue::N(holder.since_ms.to_string())),
            (":term".to_owned(), number(holder.term_ms)),
        ]);
    }
    out
}

/// Reads a row.
fn row(item: &Item) -> Result<LeaseRow, String> {
    fn word(item: &Item, name: &str) -> Result<String, String> {
        item.get(name).and_then(|v| v.as_s().ok()).cloned().ok_or_else(|| format!("it has no text `{name}`"))
    }
    fn count<N: std::str::FromStr>(item: &Item, name: &str) -> Result<N, String> {
        let n = item.get(name).and_then(|v| v.as_n().ok()).and_then(|n| n.parse().ok());
        n.ok_or_else(|| format!("it has no number `{name}`"))
    }
    let holder = match item.get("leaseOwner") {
        None => None,
        Some(_) => {
            let id = word(item, "leaseOwner")?;
            if !id.starts_with(OURS) {
                return Err(format!("its owner is {}", tidegate_core::alert::neutral::cut(&id, 100)));
            }
            let (place, state) = (word(item, "ownerPlace")?, word(item, "ownerState")?);
            Some(Holder { id, place, state, since_ms: count(item, "ownerSinceMs")?, term_ms: count(item, "leaseTermMs")? })
        }
    };
    Ok(LeaseRow { holder, epoch: count(item, "stateEpoch")?, counter: count(item, "leaseCounter")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_it_is_written_and_a_strangers_is_refused() {
        let (place, state) = ("pid 7 on host-a".to_owned(), "1f/1:2/host-a".to_owned());
        let holder = Holder { id: "tidegate/host-a/7/9c".into(), place, state, since_ms: 1_793_613_600_000, term_ms: 30_000 };
        let written = LeaseRow { holder: Some(holder), epoch: 3, counter: 41 };
        let names = [
            (":owner", "leaseOwner"),
            (":counter", "leaseCounter"),
            (":epoch", "stateEpoch"),
            (":place", "ownerPlace"),
            (":state", "ownerState"),
            (":since", "ownerSinceMs"),
            (":term", "leaseTermMs"),
        ];
        let values = values(&written);
        let mut item: Item = names.into_iter().map(|(value, name)| (name.to_owned(), values[value].clone())).collect();
        assert_eq!(row(&item), Ok(written.clone()));
        item.insert("leaseOwner".into(), text("kcl-worker-1"));
        assert_eq!(row(&item), Err("its owner is kcl-worker-1".into()));
        item.remove("leaseOwner");
        assert_eq!(row(&item), Ok(LeaseRow { holder: None, ..written }));
        item.insert("leaseCounter".into(), text("41"));
        assert_eq!(row(&item), Err("it has no number `leaseCounter`".into()));
    }
}
