//! `CloudTrail` noise: services acting by themselves, work loads, pipelines, people, the posture scanner.

use super::super::draw::Draw;
use super::super::plan::Plan;
use super::super::principal::Principal;
use super::super::stage::Stage;
use super::super::trail::{BROWSER, Call};
use super::super::world::{Account, OFFICES, SCANNER, World};
use super::templates::{Cast, TEMPLATES, Template, params, response};
use crate::event::time::{DAY_MS, HOUR_MS};
use serde_json::json;

/// Accounts of a thousand that have calls on a day; the others sleep.
const ACTIVE_PERMILLE: u64 = 400;
/// Calls of an active account on a day; the first accounts have ten times as many.
const CALLS_A_DAY: u64 = 66;
/// Cross-account visits on a day: one every two hours, so that no chain of roles looks wide.
const CROSS_ACCOUNT_PAIRS: u64 = 12;
/// Accounts at the front of the list that are busy.
const BUSY_ACCOUNTS: u32 = 12;

/// One day.
pub(super) fn day(plan: &Plan, world: &World, day: u32, stage: &mut Stage) {
    if plan.noise_permille() == 0 {
        return;
    }
    for account in world.accounts.iter().filter(|account| !account.decoy) {
        let mut draw = Draw::new(world.seed, &format!("noise/trail/{day}/{}", account.number));
        if account.number >= BUSY_ACCOUNTS && !draw.chance(ACTIVE_PERMILLE) {
            continue;
        }
        let busy = if account.number < BUSY_ACCOUNTS { 10 } else { 1 };
        let calls = plan.scaled(CALLS_A_DAY / 2 + draw.below(CALLS_A_DAY)) * busy;
        let troupe = Troupe::of(world, account, day, &mut draw);
        for _ in 0..calls {
            one_call(&troupe, world, &mut draw, stage);
        }
        console_login(&troupe, &mut draw, stage);
    }
    for pair in 0..plan.scaled(CROSS_ACCOUNT_PAIRS) {
        cross_account(world, day, pair, stage);
    }
}

/// The audit role of the security account visits another account: one happening, a record in either account, one `sharedEventID`.
fn cross_account(world: &World, day: u32, pair: u64, stage: &mut Stage) {
    let mut draw = Draw::new(world.seed, &format!("noise/cross-account/{day}/{pair}"));
    let (home, visited) = (world.administrator(), draw.pick(&world.accounts));
    let at_ms = world.start_ms + i64::from(day) * DAY_MS + (pair % 12) as i64 * 2 * HOUR_MS + 600_000;
    let who = Principal::role(&mut draw, home, "audit-reader", "quarterly", at_ms - 1000);
    let (role, shared) = (format!("arn:aws:iam::{}:role/audit-target", visited.id), draw.uuid());
    for account in [home, visited] {
        let call = Call::new(&who, home.region, "sts", "AssumeRole").at(at_ms).from(SCANNER).recorded_in(&account.id);
        let call = call.asks(json!({ "roleArn": role, "roleSessionName": "quarterly" })).with("sharedEventID", json!(shared));
        let (_, record) = call.record(&mut draw);
        stage.trail(&account.id, home.region, at_ms, &record, false);
    }
}

/// Everybody who acts in one account on one day.
struct Troupe<'a> {
    account: &'a Account,
    midnight_ms: i64,
    nat: String,
    runner: String,
    office: &'static str,
    workloads: Vec<Principal>,
    pipeline: Principal,
    person: Principal,
    scanner: Principal,
    services: Vec<Principal>,
}

impl<'a> Troupe<'a> {
    fn of(world: &World, account: &'a Account, day: u32, draw: &mut Draw) -> Self {
        let midnight_ms = world.start_ms + i64::from(day) * DAY_MS;
        let host = |n| account.resource(world, "i", n);
        let workloads = (0..3).map(|n| Principal::role(draw, account, &format!("app-role-{n}"), &host(n), midnight_ms - 1000)).collect();
        let mail = format!("user{:03}@example.com", account.number % 400);
        Troupe {
            account,
            midnight_ms,
            nat: account.nat(),
            runner: account.host(200).to_string(),
            office: OFFICES[account.number as usize % OFFICES.len()],
            workloads,
            pipeline: Principal::role(draw, account, "ci-deploy", &format!("build-{}", draw_number(account, day)), midnight_ms),
            person: Principal::person(draw, account, "PowerUser", &mail, midnight_ms + 7 * HOUR_MS),
            scanner: Principal::role(draw, account, "posture-scanner", "hourly", midnight_ms),
            services: ["autoscaling.amazonaws.com", "cloudformation.amazonaws.com", "backup.amazonaws.com", "config.amazonaws.com"]
                .map(Principal::service)
                .into(),
        }
    }

    /// Who plays a part, and from where.
    fn cast(&self, part: Cast, draw: &mut Draw) -> (&Principal, &str) {
        match part {
            Cast::Workload => (draw.pick(&self.workloads), &self.nat),
            Cast::Pipeline => (&self.pipeline, &self.runner),
            Cast::Person => (&self.person, self.office),
            Cast::Scanner => (&self.scanner, SCANNER),
            Cast::Service(n) => (&self.services[n], self.services[n].name()),
            Cast::Internal => (draw.pick(&self.workloads), "AWS Internal"),
        }
    }

    /// People keep office hours, machines do not.
    fn moment(&self, part: Cast, draw: &mut Draw) -> i64 {
        let (low, high) = if matches!(part, Cast::Person | Cast::Pipeline) { (7 * HOUR_MS, 19 * HOUR_MS) } else { (0, DAY_MS - 1000) };
        self.midnight_ms + draw.between(low, high)
    }
}

fn draw_number(account: &Account, day: u32) -> u32 {
    1000 + account.number * 7 + day
}

fn one_call(troupe: &Troupe<'_>, world: &World, draw: &mut Draw, stage: &mut Stage) {
    let template: &Template = draw.pick(&TEMPLATES);
    let (who, ip) = troupe.cast(template.cast, draw);
    let at_ms = troupe.moment(template.cast, draw);
    let account = troupe.account;
    let mut call = Call::new(who, account.region, template.service, template.name).at(at_ms).from(ip).agent(agent(template.cast, ip));
    call = call.asks(params(template.asks, world, account, draw)).gets(response(template, account, draw));
    if matches!(template.cast, Cast::Service(_)) {
        call = call.recorded_in(&account.id);
    }
    if let Some(code) = template.error.filter(|_| draw.chance(300)) {
        call = call.gets(serde_json::Value::Null).fails(code, format!("{} failed", template.name));
    }
    let region = call.region;
    let (_, record) = call.record(draw);
    let twice = draw.chance(if account.number < BUSY_ACCOUNTS { 10 } else { 0 });
    stage.trail(&account.id, region, at_ms, &record, twice);
}

fn agent(part: Cast, ip: &str) -> &str {
    match part {
        Cast::Workload => "aws-sdk-java/2.31.9 md/io#sync ua/2.1 os/Linux#6.1 lang/java#21.0.6",
        Cast::Pipeline => "APN/1.0 HashiCorp/1.0 Terraform/1.13.1 terraform-provider-aws/6.12.0 aws-sdk-go-v2/1.38.1",
        Cast::Person => BROWSER,
        Cast::Scanner => "Boto3/1.40.21 md/Botocore#1.40.21 ua/2.1 os/linux#6.1 lang/python#3.13.7",
        Cast::Service(_) | Cast::Internal => ip,
    }
}

/// One in twenty people signs in to the console of the account, with a second factor; one in fifty mistypes the password before.
fn console_login(troupe: &Troupe<'_>, draw: &mut Draw, stage: &mut Stage) {
    if troupe.account.region != "us-east-1" || !draw.chance(50) {
        return;
    }
    let account = troupe.account;
    let user = Principal::user(draw, account, &format!("operator-{}", account.number % 50));
    let at_ms = troupe.moment(Cast::Person, draw);
    let mistyped = draw.chance(20);
    for (delay_ms, outcome) in [(0, "Failure"), (40_000, "Success")].into_iter().skip(usize::from(!mistyped)) {
        let more = json!({ "LoginTo": "https://console.aws.amazon.com/console/home", "MobileVersion": "No", "MFAUsed": "Yes" });
        let call = Call::new(&user, "us-east-1", "signin", "ConsoleLogin").at(at_ms + delay_ms).from(troupe.office).agent(BROWSER);
        let mut call = call.of_type("AwsConsoleSignIn").gets(json!({ "ConsoleLogin": outcome })).with("additionalEventData", more);
        if outcome == "Failure" {
            call = call.with("errorMessage", json!("Failed authentication"));
        }
        let (_, record) = call.record(draw);
        stage.trail(&account.id, "us-east-1", at_ms + delay_ms, &record, false);
    }
}
