//! The way of one call, and of one query.

use crate::session::{OpenCall, Session, cut, interface_of, result_bytes};
use sha2::{Digest as _, Sha256};
use tollgate_core::budget::PaidCall;
use tollgate_core::grant::Verdict;
use tollgate_core::meta::supplied;
use tollgate_core::name::{SERVER_NAME_MAX_BYTES, TOOL_NAME_MAX_BYTES};
use tollgate_core::routing::DOMAIN_PREFIX;
use tollgate_core::{Answer, Call, CallContext, CallError, Candidates, EffectClass, LimitKind, Means, Query, Tool};
use tollgate_journal::Event;
use tracing::Instrument as _;

impl Session {
    /// The way of one call. The order matters: what is paid first cannot be had for nothing by being
    /// refused later, what a person approved was granted, and what is recorded was checked.
    pub(crate) async fn pass(&self, open: &mut OpenCall<'_>, call: Call, means: Means) -> Answer {
        let number = open.number;
        let span = tracing::debug_span!(target: "tollgate::gate", "call", run = %self.context.run, number, server = %call.server, tool = %call.tool);
        self.pass_in_span(open, call, means).instrument(span).await
    }

    async fn pass_in_span(&self, open: &mut OpenCall<'_>, mut call: Call, means: Means) -> Answer {
        // What is the host's own is added where the call is sent.
        call.meta = call.meta.as_deref().and_then(supplied);
        let paid = match open.pay() {
            Ok(paid) => paid,
            Err(error) => return Answer::refused(error),
        };
        let tools = match self.granted(&call).await {
            Ok(tools) => tools,
            Err(error) => return Answer::refused(error),
        };
        if let Err(error) = self.approved(&mut call, &tools).await {
            return Answer::refused(error);
        }
        if let Err(error) = self.record_call(&paid, open.number, &call, &tools).await {
            return Answer::refused(error);
        }
        let context = CallContext::new(self.context.clone(), &paid, means);
        self.bounded(self.gate.upstream.call(&tools, call, context).await)
    }

    /// The tools that the call may go to.
    async fn granted(&self, call: &Call) -> Result<Candidates, CallError> {
        let grants = &self.context.grants;
        if call.server.len() > DOMAIN_PREFIX.len() + SERVER_NAME_MAX_BYTES || call.tool.len() > TOOL_NAME_MAX_BYTES {
            return Err(CallError::UnknownTool(Vec::new()));
        }
        // A server without a grant is not asked whether it has the tool.
        let may = |server: &str| grants.verdict(server, &call.tool) != Verdict::No;
        let names_domain = call.server.starts_with(DOMAIN_PREFIX);
        if !names_domain && !may(&call.server) {
            return Err(self.denied(&call.server, &call.tool, None));
        }
        let found = match self.gate.upstream.resolve(&call.server, &call.tool, &may).await {
            // None of its servers may be used.
            Err(CallError::Denied(_)) if names_domain => return Err(self.denied(&call.server, &call.tool, None)),
            // What is not granted is not named either.
            Err(CallError::UnknownTool(mut near)) => {
                near.retain(|name| self.may_name(name));
                return Err(CallError::UnknownTool(near));
            }
            found => found?,
        };
        let (best, effect) = (found.first().server.clone(), found.first().effect);
        let granted = found.retain(|tool| grants.allows(&tool.server, &tool.name, tool.effect));
        granted.ok_or_else(|| {
            let read_only = grants.verdict(&best, &call.tool) == Verdict::IfReadOnly;
            self.denied(&best, &call.tool, read_only.then_some(effect))
        })
    }

    /// Whether the run may hear of what is named `server:tool`, `server:*` or `domain:NAME:tool`.
    fn may_name(&self, name: &str) -> bool {
        let grants = &self.context.grants;
        let may = |server: &str, tool: &str| match tool {
            "*" => grants.knows(server),
            tool => grants.verdict(server, tool) != Verdict::No,
        };
        match name.strip_prefix(DOMAIN_PREFIX).unwrap_or(name).split_once(':') {
            Some((domain, tool)) if name.starts_with(DOMAIN_PREFIX) => {
                let servers = self.gate.upstream.servers();
                servers.iter().any(|s| s.domains.iter().any(|own| own == domain) && may(&s.name, tool))
            }
            Some((server, tool)) => may(server, tool),
            None => false,
        }
    }

    /// The way of one query: that of a call, but for the tool's schema and effect class.
    pub(crate) async fn pass_query(&self, open: &mut OpenCall<'_>, shown: &str, query: Query, means: Means) -> Answer {
        let paid = match open.pay() {
            Ok(paid) => paid,
            Err(error) => return Answer::refused(error),
        };
        if let Err(denied) = self.granted_query(&query) {
            return Answer::refused(denied);
        }
        if query.server.len() > SERVER_NAME_MAX_BYTES {
            return Answer::refused(CallError::UnknownTool(Vec::new()));
        }
        let number = open.number;
        let sent = (query.params.as_str(), None);
        let started = self.record_start(&paid, number, (&query.server, shown), sent, EffectClass::Read, Vec::new());
        if let Err(error) = started.await {
            return Answer::refused(error);
        }
        let context = CallContext::new(self.context.clone(), &paid, means);
        self.bounded(self.gate.upstream.query(query, context).await)
    }

    /// Whether the resource or prompt is granted; of a completion, the template and what the values make of it.
    fn granted_query(&self, query: &Query) -> Result<(), CallError> {
        let (interface, grants) = (interface_of(query.kind), &self.context.grants);
        let denied = |name: &str| {
            let mut why = self.no_grant(&format!("{}={}:{name}", interface.as_str(), query.server));
            if let Some(reading) = grants.stray_reading(&query.server, name).filter(|_| query.kind.is_resource()) {
                why.push_str(&format!(
                    "; a grant means it as it is written, but it can be read as `{}`",
                    cut(&reading)
                ));
            }
            CallError::Denied(why)
        };
        if !grants.covers(interface, &query.server, &query.name) {
            return Err(denied(&query.name));
        }
        // Whoever granted the template by its own text granted what it makes.
        if grants.spells(interface, &query.server, &query.name) {
            return Ok(());
        }
        match query.filled_template().map_err(|error| CallError::Denied(error.to_string()))? {
            Some(filled) if !grants.covers(interface, &query.server, &filled) => Err(denied(&filled)),
            _ => Ok(()),
        }
    }

    async fn record_call(
        &self,
        paid: &PaidCall,
        number: u64,
        call: &Call,
        tools: &Candidates,
    ) -> Result<(), CallError> {
        let effect = worst(tools.iter().map(|tool| tool.effect));
        let servers = match call.server.starts_with(DOMAIN_PREFIX) {
            true => tools.iter().map(|tool| tool.server.clone()).collect(),
            false => Vec::new(),
        };
        let sent = (call.args.as_str(), call.meta.as_deref());
        self.record_start(paid, number, (&call.server, &call.tool), sent, effect, servers).await
    }

    /// The entry before the effect.
    pub(crate) async fn record_start(
        &self,
        paid: &PaidCall,
        call: u64,
        (server, tool): (&str, &str),
        (args, meta): (&str, Option<&str>),
        effect: EffectClass,
        servers: Vec<String>,
    ) -> Result<(), CallError> {
        let args_sha256 = hex::encode(Sha256::digest(args));
        let meta_sha256 = meta.map(|meta| hex::encode(Sha256::digest(meta)));
        let (server, tool) = (cut(server), cut(tool));
        let started = Event::CallStarted { call, server, tool, args_sha256, meta_sha256, effect, servers };
        let appended = self.record(&paid.proof(), started).await;
        appended.map_err(|error| CallError::Unavailable(format!("nothing was sent, because {error}")))
    }

    /// The answer, unless it is over the limit.
    pub(crate) fn bounded(&self, mut answer: Answer) -> Answer {
        let limits = &self.context.limits;
        if result_bytes(&answer.result) > limits.call_bytes_out {
            let reached = limits.reached(LimitKind::CallBytesOut);
            answer.result = Err(CallError::TooLarge(reached.to_string()));
        }
        answer
    }

    fn denied(&self, server: &str, tool: &str, effect: Option<EffectClass>) -> CallError {
        let name = format!("{server}:{tool}");
        let who = &self.context.name;
        CallError::Denied(match (server.strip_prefix(DOMAIN_PREFIX), effect) {
            (Some(domain), _) => format!(
                "`{who}` has no grant for {tool} of a server of the domain `{domain}`; grant it with --grant 'SERVER:{tool}', or by the key `grants` of its entry in the configuration, if it has one"
            ),
            (None, None) => self.no_grant(&name),
            (None, Some(_)) => format!(
                "`{who}` has a read-only grant, and {name} does not declare itself read-only; grant it with --grant '{name}'"
            ),
        })
    }

    /// Whether a run that was granted this may use it.
    pub(crate) fn may_call(&self, tool: &Tool) -> bool {
        self.context.grants.allows(&tool.server, &tool.name, tool.effect)
    }
}

/// The effect class that does most harm, of several.
fn worst(effects: impl Iterator<Item = EffectClass>) -> EffectClass {
    let rank = |effect: &EffectClass| match effect {
        EffectClass::Read => 0,
        EffectClass::Idempotent => 1,
        EffectClass::Unknown => 2,
        EffectClass::NonIdempotent => 3,
    };
    effects.max_by_key(rank).unwrap_or(EffectClass::Unknown)
}
