//! `tollgate status` and `tollgate cache`: how a running host is.

use crate::args::{CacheCommand, Global, Status};
use crate::commands::api::Api;
use crate::exit::Failure;
use crate::print::{self, BAD, BOLD, DIM, GOOD, ODD, styled};
use serde_json::Value;
use std::time::Duration;

pub(crate) async fn status(global: &Global, args: Status) -> Result<u8, Failure> {
    let status = Api::of(global, &args.host)?.get("mcp/status").await?;
    if args.json {
        return print::json(&status).map(|()| 0);
    }
    let uptime = print::duration(Duration::from_secs(number(&status, "/uptime_s")));
    let version = print::line(text(&status, "/version"), 40);
    print::out(format_args!("{} {version}, up for {uptime}", styled(BOLD, "tollgate")))?;
    print::out(servers(&status))?;
    print::out(format_args!(
        "{} {}",
        styled(BOLD, "cache"),
        cache_line(status.get("cache_stats").unwrap_or(&Value::Null))
    ))?;
    Ok(0)
}

pub(crate) async fn cache(global: &Global, command: CacheCommand) -> Result<u8, Failure> {
    match command {
        CacheCommand::Stats { host, json } => {
            let stats = Api::of(global, &host)?.get("mcp/cache").await?;
            if json { print::json(&stats)? } else { print::out(cache_line(&stats))? }
        }
        CacheCommand::Clear { server, expired, host, json } => {
            let mut query = Vec::new();
            if let Some(server) = &server {
                query.push(("server", server.as_str()));
            }
            if expired {
                query.push(("expired", "true"));
            }
            let cleared = Api::of(global, &host)?.delete("mcp/cache", &query).await?;
            if json {
                print::json(&cleared)?;
            } else {
                let removed = number(&cleared, "/removed");
                let answers = if removed == 1 { "answer" } else { "answers" };
                print::out(format_args!("{removed} {answers} forgotten"))?;
            }
        }
    }
    Ok(0)
}

fn servers(status: &Value) -> String {
    let servers = status.get("servers").and_then(Value::as_array);
    let rows = servers.into_iter().flatten().map(|server| {
        let health = text(server, "/health");
        let style = match health {
            "ready" => GOOD,
            "failed" | "broken" => BAD,
            _ => ODD,
        };
        let labels = |at: &str| {
            let list = server.pointer(at).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            print::line(&list.collect::<Vec<_>>().join(" "), 60)
        };
        let micros = |at: &str| match server.pointer(at).and_then(Value::as_u64) {
            Some(us) if number(server, "/route/attempts") > 0 => print::duration(Duration::from_micros(us)),
            _ => "-".to_owned(),
        };
        vec![
            styled(BOLD, print::line(text(server, "/name"), 64)).to_string(),
            styled(style, print::line(health, 20)).to_string(),
            number(server, "/priority").to_string(),
            labels("/domains"),
            number(server, "/tools").to_string(),
            number(server, "/route/attempts").to_string(),
            micros("/route/latency/p50_us"),
            micros("/route/latency/p99_us"),
            print::line(text(server, "/error"), 200),
        ]
    });
    print::table(&["SERVER", "STATE", "PRIORITY", "DOMAINS", "TOOLS", "ATTEMPTS", "P50", "P99", "ERROR"], rows)
}

fn cache_line(stats: &Value) -> String {
    let line = format!(
        "{} of {} requests answered from memory ({}); {} answers kept, {} evicted",
        number(stats, "/hits"),
        number(stats, "/total_requests"),
        print::line(text(stats, "/hit_rate"), 12),
        number(stats, "/cached_items"),
        number(stats, "/evictions"),
    );
    styled(DIM, line).to_string()
}

fn text<'v>(value: &'v Value, at: &str) -> &'v str {
    value.pointer(at).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, at: &str) -> u64 {
    value.pointer(at).and_then(Value::as_u64).unwrap_or_default()
}
