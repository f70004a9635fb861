//! The findings that GuardDuty keeps for 90 days, as a replay reads them.
//!
//! Owns the calls that `pages` asks for, and their repetition. A record is the answer of one `GetFindings` as the service
//! wrote it: the SDK's types would lose what they do not know, so an interceptor keeps the bytes, and the decoder takes the findings
//! out of the list as out of any other. Findings of member accounts are in the detector of the administrator. Never archives a finding
//! or gives feedback. Limits: the service keeps the last state of a finding, not its revisions; 50 findings in a call, one call at a
//! time per detector.

use super::super::call::{cause, is_denial, runtime};
use super::super::client::{Access, load};
use super::super::error::passes;
use super::super::protocol::Refusal;
use super::pages::{Ask, Pages};
use super::patience::Patience;
use super::{Span, failed, pause, unless_stopped, words};
use crate::io::clock::now_ms;
use crate::io::input::{Far, Opened};
use crate::io::reader::ReadError;
use crate::io::tally::Tally;
use aws_sdk_guardduty::Client;
use aws_sdk_guardduty::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_guardduty::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_guardduty::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_sdk_guardduty::types::{Condition, FindingCriteria, OrderBy, SortCriteria};
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tidegate_core::event::time::parse_rfc3339_ms;
use tidegate_core::event::{Position, Record, Sequence};
use tokio::runtime::Runtime;

const CALL: Duration = Duration::from_secs(30);
/// What the service takes at most.
const PAGE: i32 = 50;
/// The source of the records' positions.
const SOURCE: &str = "guardduty";

/// The Region that is asked, and its detectors: usually one, or none where GuardDuty is off.
///
/// # Errors
/// In words.
pub fn detectors(access: &Access, tally: &Tally) -> Result<(String, Vec<String>), String> {
    let mut caller = Caller::new(access)?;
    let (mut all, mut token) = (Vec::new(), None);
    loop {
        let client = caller.client.clone();
        let page =
            caller.call(tally, "list the detectors", || client.list_detectors().max_results(PAGE).set_next_token(token.clone()).send());
        let page = page.map_err(|refusal| words(&refusal).to_owned())?.ok_or("it was stopped before it began")?;
        all.extend(page.detector_ids.unwrap_or_default());
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok((caller.region, all));
        }
    }
}

/// The findings of a detector as an input. Nothing is called before it is opened.
#[must_use]
pub fn findings(access: Access, detector: String, span: Span, tally: Arc<Tally>) -> Far {
    let region = access.region.as_deref().unwrap_or_default();
    let name: Arc<str> = format!("guardduty:{region}{}{detector}", if region.is_empty() { "" } else { "/" }).into();
    let now = now_ms();
    tally.expect(&name, (span.from_ms, span.to_ms.map_or(now, |to| to.min(now))));
    let shown = name.clone();
    let open = move || {
        let findings = Findings::open(&access, &detector, name.clone(), span, tally.clone());
        findings.map(|findings| Opened::Records(Box::new(findings))).map_err(std::io::Error::other)
    };
    Far { name: shown, bytes: 0, open: Arc::new(open) }
}

struct Findings {
    caller: Caller,
    detector: String,
    input: Arc<str>,
    pages: Pages,
    page: u64,
    tally: Arc<Tally>,
    over: bool,
}

impl Findings {
    fn open(access: &Access, detector: &str, input: Arc<str>, span: Span, tally: Arc<Tally>) -> Result<Self, String> {
        let pages = Pages::new(span.from_ms, span.to_ms, now_ms());
        Ok(Findings { caller: Caller::new(access)?, detector: detector.to_owned(), input, pages, page: 0, tally, over: false })
    }

    /// Asks on until there is a record; `None`: the end, or a stop.
    fn step(&mut self) -> Result<Option<Record>, Refusal> {
        loop {
            match self.pages.ask() {
                Ask::List(from, to, token) => {
                    let Some(()) = self.list(from, to, token)? else { return Ok(None) };
                }
                Ask::Get(ids) => return self.get(ids),
                Ask::Time => self.pages.time(now_ms()),
                Ask::Done => {
                    self.end();
                    return Ok(None);
                }
            }
        }
    }

    fn list(&mut self, from: Option<i64>, to: Option<i64>, token: Option<String>) -> Result<Option<()>, Refusal> {
        let updated = Condition::builder().set_greater_than_or_equal(from).set_less_than(to).build();
        let criteria = FindingCriteria::builder().criterion("updatedAt", updated).build();
        let order = SortCriteria::builder().attribute_name("updatedAt").order_by(OrderBy::Asc).build();
        let call = self.caller.client.list_findings().detector_id(&self.detector).finding_criteria(criteria).sort_criteria(order);
        let (call, by_token) = (call.max_results(PAGE).set_next_token(token.clone()), token.is_some());
        match self.caller.call(&self.tally, "list findings", || call.clone().send()) {
            Ok(None) => Ok(None),
            Ok(Some(answer)) => {
                self.pages.listed(answer.finding_ids.unwrap_or_default(), answer.next_token.filter(|token| !token.is_empty()));
                Ok(Some(()))
            }
            Err(Refusal::Invalid(_)) if by_token && self.pages.token_refused() => Ok(Some(())),
            Err(refusal) => Err(refusal),
        }
    }

    fn get(&mut self, ids: Vec<String>) -> Result<Option<Record>, Refusal> {
        let raw = Raw::default();
        let call = self.caller.client.get_findings().detector_id(&self.detector).set_finding_ids(Some(ids));
        let answer = self.caller.call(&self.tally, "get findings", || call.clone().customize().interceptor(raw.clone()).send())?;
        let Some(answer) = answer else { return Ok(None) };
        let found = answer.findings.unwrap_or_default();
        let updated = |f: &aws_sdk_guardduty::types::Finding| Some((f.id.clone()?, parse_rfc3339_ms(f.updated_at.as_deref()?)?));
        let updated: BTreeMap<String, i64> = found.iter().filter_map(updated).collect();
        self.pages.got(&updated);
        self.tally.read(&self.input, found.len() as u64, self.pages.reached_ms());
        self.page += 1;
        let position = Position { source: SOURCE.into(), shard: self.input.clone(), sequence: self.page.into(), sub_sequence: 0 };
        Ok(Some(Record { position, arrival_ms: None, bytes: raw.take(), lines: false }))
    }

    fn end(&mut self) {
        self.tally.end(&self.input);
        if self.pages.is_disordered() {
            let what = "the service did not list findings in the order that was asked for: some may be missing";
            self.tally.note(format!("{}: {what}", self.input));
        }
        if self.pages.gone() > 0 {
            let gone = self.pages.gone();
            self.tally.note(format!("{}: {gone} findings were listed and were not there any more when they were read", self.input));
        }
    }
}

impl Iterator for Findings {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over || self.tally.stopped() {
            return None;
        }
        let step = self.step();
        self.over = !matches!(step, Ok(Some(_)));
        let shard = &self.input;
        step.map_err(|refusal| failed(&SOURCE.into(), shard, Sequence::from(self.page), words(&refusal).to_owned())).transpose()
    }
}

/// A client, and the patience with the service.
struct Caller {
    runtime: Runtime,
    client: Client,
    region: String,
    patience: Patience,
}

impl Caller {
    fn new(access: &Access) -> Result<Self, String> {
        let runtime = runtime()?;
        let settings = runtime.block_on(load(access, CALL)).map_err(|why| format!("cannot ask GuardDuty: {why}"))?;
        let region = settings.region().map(ToString::to_string).unwrap_or_default();
        Ok(Caller { runtime, client: Client::new(&settings), region, patience: Patience::new(now_ms().unsigned_abs()) })
    }

    /// Makes a call as often as it must; `None`: it was stopped.
    fn call<T, E, F>(&mut self, tally: &Tally, what: &str, mut call: impl FnMut() -> F) -> Result<Option<T>, Refusal>
    where
        F: Future<Output = Result<T, SdkError<E>>>,
        E: ProvideErrorMetadata + Error + 'static,
    {
        loop {
            let wait_ms = match unless_stopped(&self.runtime, tally, call()) {
                None => return Ok(None),
                Some(Ok(answer)) => {
                    self.pause(tally, |patience| patience.answered());
                    return Ok(Some(answer));
                }
                Some(Err(error)) => {
                    let refusal = refusal(&format!("cannot {what} in {}", self.region), &error);
                    self.patience.refused(&refusal).ok_or(refusal)?
                }
            };
            self.pause(tally, |_| wait_ms);
        }
    }

    fn pause(&mut self, tally: &Tally, ms: impl FnOnce(&mut Patience) -> u64) {
        let ms = ms(&mut self.patience);
        if ms > 0 {
            // Whether it was stopped is asked before the next call.
            let _ = pause(&self.runtime, tally, ms);
        }
    }
}

/// What an error means, told as `what`.
fn refusal<E: ProvideErrorMetadata + Error + 'static>(what: &str, error: &SdkError<E>) -> Refusal {
    let cause = cause(error.code(), error.message(), error.as_service_error().map_or(error as &dyn Error, |e| e));
    let text = |remedy: &str| format!("{what}: {cause}; {remedy}");
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    match (error.code().unwrap_or_default(), status) {
        (code, 429) if !is_denial(code) => Refusal::Throttled,
        ("TooManyRequestsException" | "ThrottlingException" | "Throttling" | "RequestLimitExceeded", _) => Refusal::Throttled,
        ("ResourceNotFoundException", _) => Refusal::Missing(text("check account, Region and detector")),
        (code, status) if is_denial(code) || status == 403 => {
            Refusal::Denied(text("check the credentials and the policy (`docs/replay.md` names the actions)"))
        }
        (_, 400..=499) => Refusal::Invalid(text("this is a fault of the program, or the service does not take it any more")),
        _ if is_ours(error, &cause) => Refusal::Denied(text("check credentials and Region (`aws sts get-caller-identity`)")),
        _ => Refusal::Unavailable(text("it was tried again and again; run it again when the service answers")),
    }
}

/// Whether a call never left: no credentials were had, and waiting brings none.
fn is_ours<E>(error: &SdkError<E>, cause: &str) -> bool {
    match error {
        SdkError::ConstructionFailure(_) => true,
        SdkError::DispatchFailure(failure) => failure.is_other() && !passes(cause),
        _ => false,
    }
}

/// The bytes of an answer, as the service wrote them.
#[derive(Debug, Clone, Default)]
struct Raw(Arc<Mutex<Vec<u8>>>);

impl Raw {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Intercept for Raw {
    fn name(&self) -> &'static str {
        "Raw"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let bytes = context.response().body().bytes().unwrap_or_default();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = bytes.to_vec();
        Ok(())
    }
}
