//! `tollgate demo`: five servers, one policy, no set-up. The servers are adapters; the policy asks the
//! first for a customer, then the other four at once.

use crate::args::Demo;
use crate::exit::Failure;
use crate::print::{self, BOLD, DIM, styled};
use crate::setup::plugins;
use crate::timeline::{self, Detail, Timeline};
use crate::{setup, wait};
use serde_json::{Value, json};
use std::io::IsTerminal as _;
use std::sync::Arc;
use tollgate::{AdapterSpec, ComponentSource, Grants, Principal, RunReport, RunRequest, Status};

const SERVERS: [(&str, &[u8]); 5] = [
    ("crm", plugins::ADAPTER_CRM),
    ("tickets", plugins::ADAPTER_TICKETS),
    ("payments", plugins::ADAPTER_PAYMENTS),
    ("calendar", plugins::ADAPTER_CALENDAR),
    ("analytics", plugins::ADAPTER_ANALYTICS),
];

const QUESTION: &str = "their subscription renewal failed last week. What is their account status, do they have any \
                        open support tickets, and what does their payment history look like?";

pub(crate) async fn demo(args: Demo) -> Result<u8, Failure> {
    let screen = Arc::new(Timeline::new(Detail::CallsOnly));
    let mut builder = setup::builder(vec![screen.clone()], None)?;
    for (name, component) in SERVERS {
        builder = builder.adapter(name, AdapterSpec::new(ComponentSource::Bytes(component.into())));
    }
    let host = builder.build().await?;
    let policy = ComponentSource::Bytes(plugins::POLICY_CUSTOMER_360.into());
    if !args.json {
        print::out(format_args!("{}  crm, tickets, payments, calendar, analytics", styled(BOLD, "servers ")))?;
        print::out(format_args!("{}  customer-360, a sandboxed WebAssembly component", styled(BOLD, "policy  ")))?;
        let question = format!("Customer {} says {QUESTION}", args.email);
        print::out(format_args!("{}  {}\n", styled(BOLD, "question"), print::wrapped(&question, 10)))?;
    }
    // Compiling takes a moment the first time, and is no part of the run that is shown.
    let prepared = async {
        let checked = host.check(&policy).await;
        host.settled().await;
        checked
    };
    let checked = tokio::select! {
        checked = wait::wait(|| "compiling the components; they are kept for the next time".into(), prepared) => checked?,
        () = setup::interrupted() => {
            return Err(Failure::cancelled("cancelled"));
        }
    };
    // What the policy asks for: exactly its tools, and nothing else.
    let grants = Grants::parse(checked.descriptor.map(|d| d.grants).unwrap_or_default())
        .map_err(|error| Failure::usage(error.to_string()))?;
    let request = RunRequest::bytes("customer-360", plugins::POLICY_CUSTOMER_360)
        .input(json!({"email": args.email, "question": format!("Customer {} says {QUESTION}", args.email)}).to_string())
        .grants(grants)
        .principal(Principal::new("cli"));
    let report = host.run_until(request, setup::interrupted()).await?;
    screen.close();
    if args.json || report.status != Status::Ok {
        super::run::show(&host, &report, args.json, false)?;
    } else {
        show(&report)?;
    }
    host.shutdown().await;
    Ok(report.status.exit_code())
}

fn show(report: &RunReport) -> Result<(), Failure> {
    print::out(styled(BOLD, "calls"))?;
    print::out(timeline::chart(&report.calls, report.elapsed, print::terminal_width().unwrap_or(100)))?;
    let sum = format!(
        "{} calls in {}; each in a fresh sandbox that sees no files, no network and no environment",
        report.calls.len(),
        print::duration(report.elapsed)
    );
    print::out(format_args!("  {}\n", styled(DIM, print::wrapped(&sum, 2))))?;
    print::out(styled(BOLD, "answer"))?;
    let output: Value = report.output_as().unwrap_or_default();
    let summary = output.get("summary").and_then(Value::as_str).unwrap_or_default();
    for line in print::visible(summary).lines() {
        print::out(format_args!("  {}", print::wrapped(line, 2)))?;
    }
    if std::io::stdout().is_terminal() {
        print::out(styled(
            DIM,
            "\nThe whole answer as data: tollgate demo --json\nYour own servers: tollgate tools --config FILE",
        ))?;
    }
    Ok(())
}
