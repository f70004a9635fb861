//! Taking and keeping the row with real threads and a real clock, over a table in memory that can be unplugged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tidegate::io::clock::Stopwatch;
use tidegate::io::ownership::memory::MemoryLeases;
use tidegate::io::ownership::{Keeper, Ownership, Refusal, Tenure, claim};
use tidegate::io::port::{Delivery, Holder, LeaseError, LeaseRow, LeaseTable, Outcome, Renewal, Sink, Store, StoreError};
use tidegate::io::sqlite::{OpenOptions, SqliteStore};

const TERM: Duration = Duration::from_millis(600);

/// A table that does not answer while it is unplugged.
#[derive(Clone, Default)]
struct Plug {
    table: MemoryLeases,
    out: Arc<AtomicBool>,
}

impl Plug {
    fn through(&mut self) -> Result<&mut MemoryLeases, LeaseError> {
        match self.out.load(Ordering::Relaxed) {
            true => Err(LeaseError::Unavailable("the table does not answer".into())),
            false => Ok(&mut self.table),
        }
    }
}

impl LeaseTable for Plug {
    fn read(&mut self, name: &str) -> Result<Option<LeaseRow>, LeaseError> {
        self.through()?.read(name)
    }

    fn take(&mut self, name: &str, seen: Option<&LeaseRow>, holder: &Holder) -> Result<Option<LeaseRow>, LeaseError> {
        self.through()?.take(name, seen, holder)
    }

    fn renew(&mut self, name: &str, id: &str, epoch: u64) -> Result<Renewal, LeaseError> {
        self.through()?.renew(name, id, epoch)
    }

    fn release(&mut self, name: &str, id: &str, epoch: u64) -> Result<(), LeaseError> {
        self.through()?.release(name, id, epoch)
    }
}

fn ownership(host: &str, state: &str) -> Ownership {
    let (id, place) = (format!("tidegate/{host}/{state}"), format!("pid 7 on {host}"));
    let term_ms = u64::try_from(TERM.as_millis()).expect("a small number");
    let holder = Holder { id, place, state: state.to_owned(), since_ms: 1_793_613_600_000, term_ms };
    Ownership { name: "soc".into(), place: "table leases".into(), holder }
}

fn take(table: &Plug, ownership: &Ownership) -> Result<Tenure, Refusal> {
    claim(&mut table.clone(), ownership, &mut || Ok(false), &mut |_| {}).map(|tenure| tenure.expect("nobody stopped it"))
}

fn keep(table: &Plug, ownership: &Ownership, tenure: &Tenure) -> Keeper {
    Keeper::start(Box::new(table.clone()), ownership.clone(), tenure.clone())
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    let clock = Stopwatch::start();
    while !is() {
        assert!(clock.elapsed() < Duration::from_secs(20), "it never came: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_second_one_elsewhere_is_told_who_holds_it_and_gets_it_when_it_is_given_back() {
    let (table, first, second) = (Plug::default(), ownership("host-a", "state-1"), ownership("host-b", "state-2"));
    let tenure = take(&table, &first).expect("free");
    let keeper = keep(&table, &first, &tenure);
    let Err(Refusal::Held(why)) = take(&table, &second) else { panic!("it was taken from one that lives") };
    for part in ["pid 7 on host-a", "since 2026-11-02T10:00:00.000Z", "row `soc` of table leases", "`ownership.name`"] {
        assert!(why.contains(part), "{part} is not in: {why}");
    }
    assert!(tenure.lost().is_none() && !tenure.remaining().is_zero());
    keeper.release();
    let next = take(&table, &second).expect("given back");
    assert_eq!(next.epoch(), tenure.epoch() + 1);
}

#[test]
fn a_standby_of_the_same_state_follows_at_once_and_the_former_is_told() {
    let (table, first) = (Plug::default(), ownership("host-a", "state-1"));
    let tenure = take(&table, &first).expect("free");
    let keeper = keep(&table, &first, &tenure);
    let mut second = ownership("host-a", "state-1");
    second.holder.id += "/again";
    let clock = Stopwatch::start();
    let next = take(&table, &second).expect("its own state");
    assert!(clock.elapsed() < TERM / 2, "{:?}", clock.elapsed());
    until("the loss", || tenure.lost().is_some());
    assert!(tenure.lost().is_some_and(|why| why.contains("has taken row `soc`") && why.contains("must stop")));
    assert!(tenure.remaining().is_zero() && !next.remaining().is_zero());
    keeper.release();
    assert!(matches!(table.clone().read("soc"), Ok(Some(LeaseRow { holder: Some(_), .. }))), "what is lost is not given back");
}

#[test]
fn a_silent_one_is_followed_after_its_term() {
    let (table, second) = (Plug::default(), ownership("host-b", "state-2"));
    let tenure = take(&table, &ownership("host-a", "state-1")).expect("free");
    let (clock, mut heard) = (Stopwatch::start(), Vec::new());
    let next = claim(&mut table.clone(), &second, &mut || Ok(false), &mut |why| heard.push(why.to_owned())).expect("silent");
    assert!(clock.elapsed() >= TERM && tenure.remaining().is_zero());
    assert_eq!(next.map(|tenure| tenure.epoch()), Some(2));
    assert_eq!(heard, ["pid 7 on host-a has row `soc` of table leases: watching whether it lives"]);
}

#[test]
fn without_the_table_nothing_is_sent_and_work_goes_on_when_it_answers() {
    let (table, first) = (Plug::default(), ownership("host-a", "state-1"));
    let tenure = take(&table, &first).expect("free");
    let keeper = keep(&table, &first, &tenure);
    table.out.store(true, Ordering::Relaxed);
    until("the end of the term", || tenure.remaining().is_zero());
    assert!(tenure.lost().is_none(), "nobody has taken it");
    table.out.store(false, Ordering::Relaxed);
    until("the renewal", || !tenure.remaining().is_zero());
    keeper.release();
}

#[test]
fn a_start_without_the_table_gives_up_after_a_term_and_can_be_stopped() {
    let (table, first) = (Plug::default(), ownership("host-a", "state-1"));
    table.out.store(true, Ordering::Relaxed);
    let refusal = take(&table, &first).expect_err("no table");
    assert_eq!(refusal, Refusal::Table(LeaseError::Unavailable("the table does not answer".into())));
    assert!(matches!(claim(&mut table.clone(), &first, &mut || Ok(true), &mut |_| {}), Ok(None)));
    let fenced = || StoreError::Fenced("taken over".into());
    assert_eq!(claim(&mut table.clone(), &first, &mut || Err(fenced()), &mut |_| {}).err(), Some(Refusal::Store(fenced())));
}

#[test]
fn a_store_whose_tenure_is_lost_is_fenced_and_its_sinks_send_nothing() {
    let path = std::env::temp_dir().join(format!("tidegate-tenure-{}", std::process::id()));
    let mut store = SqliteStore::open(&path, &OpenOptions::default()).expect("opens");
    let (mut twin, mut sink) = (store.twin().expect("twin"), store.alerts());
    let tenure = Tenure::new(1, Duration::from_secs(60), Stopwatch::start(), Duration::ZERO);
    store.lease().bind(tenure.clone());
    store.set_pipelines(1).and_then(|()| store.renew()).expect("it is ours");
    assert!(store.may_send());
    tenure.lose("pid 9 on host-b has taken row `soc`".into());
    let fenced =
        |done: Result<(), StoreError>| assert!(matches!(&done, Err(StoreError::Fenced(why)) if why.contains("host-b")), "{done:?}");
    fenced(store.renew());
    fenced(store.acknowledge(0, "sqlite", b"cursor"));
    fenced(twin.put_piece(0, 1, 0, b"piece"));
    assert!(!store.may_send() && store.lease().lost());
    let delivery = Delivery { alert: "a".into(), version: 1, route: "".into(), document: "{}".into(), repeated: false };
    assert!(matches!(&sink.deliver(&[delivery])[..], [Outcome::Again(_)]));
    for name in ["", "-wal", "-shm", ".lock"] {
        let _ = std::fs::remove_file(format!("{}{name}", path.display()));
    }
}
