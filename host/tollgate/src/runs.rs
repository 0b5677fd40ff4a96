//! Runs of policies and scripts.

use crate::host::{Host, HostError};
use crate::names::Granted;
use crate::outside::{Rights, Secrets};
use crate::report::RunReport;
use crate::request::{RunRequest, Script, Target};
use std::sync::Arc;
use tollgate_core::{Approvals, Grants, LimitKind, Limits, Names, Principal, json};
use tollgate_gate::{Opening, Session};
use tollgate_runtime::{PolicyError, Program, RunEnd, RunError, RunSetup};
use tollgate_script::{Input, Language, Lease, Output, PrepareError, Prepared, SessionKey, prepare};
use tollgate_surface::Language as Naming;
use tracing::Instrument as _;

/// What a request comes to.
struct Work {
    name: String,
    program: Arc<Program>,
    grants: Grants,
    approvals: Approvals,
    limits: Option<Limits>,
    script: Option<Script>,
    /// Whose connections and keys a component's are.
    owner: String,
    secrets: Secrets,
}

type PolicyEnd = RunEnd<Result<String, PolicyError>>;

impl Host {
    /// Runs a policy or a script to its end.
    ///
    /// # Errors
    /// Only what kept the run from beginning. How it ended stands in the report.
    pub async fn run(&self, request: RunRequest) -> Result<RunReport, HostError> {
        self.run_until(request, std::future::pending()).await
    }

    /// Runs a policy or a script to its end, or until `cancelled` completes: then it ends as cancelled, and so do its
    /// calls in flight. Dropping the future cancels the run too, without a report.
    ///
    /// # Errors
    /// Only what kept the run from beginning. How it ended stands in the report.
    pub async fn run_until(
        &self,
        request: RunRequest,
        cancelled: impl Future<Output = ()>,
    ) -> Result<RunReport, HostError> {
        json::check(&request.input).map_err(HostError::Input)?;
        let lease = match &request.session {
            Some(id) => {
                let key = SessionKey::new(&request.tenant, &request.principal, id)?;
                Some(self.0.sessions.begin(key)?)
            }
            None => None,
        };
        let Work { name, program, mut grants, mut approvals, limits, script, owner, secrets } =
            self.work(request.target, &request.principal).await?;
        grants.extend(request.grants);
        approvals.extend(&request.approvals);
        let mut limits = limits.unwrap_or_else(|| self.limits());
        for (kind, value) in request.limits {
            limits.set(kind, value);
        }
        limits.lower(&request.ceilings);
        let log_bytes = limits.log_bytes;
        let session = self.0.gate.open(
            Opening {
                name: name.into(),
                digest: Some(program.inspection().digest.to_string()),
                principal: request.principal,
                tenant: request.tenant,
                grants,
                approvals,
                limits: limits.clone(),
                trace: request.trace,
                client: request.client,
            },
            None,
        );
        let context = session.context();
        let rights = Rights {
            owner: &owner,
            tenant: &context.tenant,
            grants: &context.grants,
            secrets: &secrets,
            limits: &limits,
        };
        let (http, state) = self.0.outside.given(program.inspection(), &rights);
        let setup = RunSetup { seed: context.seed, caller: session.clone(), limits, names: None, state, http };
        let span = tracing::debug_span!(target: "tollgate::run", "run", run = %context.run, name = %context.name);
        let running = async {
            match &script {
                None => (self.0.runtime.run_policy(&program, &request.input, setup, cancelled).await, None),
                Some(script) => {
                    self.run_script(&program, script, &request.input, lease, &session, setup, cancelled).await
                }
            }
        };
        let (end, variables) = running.instrument(span).await;
        let finish = |status, fuel| session.finish(status, fuel);
        Ok(RunReport::new(session.context().run, log_bytes, end, script, variables, finish))
    }

    async fn work(&self, target: Target, principal: &Principal) -> Result<Work, HostError> {
        let work = match target {
            Target::Named(name) => {
                let policy = self.policy(&name)?;
                let program = policy.program(self, &name).await?;
                let (grants, limits) = (policy.spec.grants.clone(), policy.spec.limits.clone());
                let approvals = policy.spec.approvals.clone();
                let script = policy.spec.code.script().await;
                let script = script.map_err(|error| HostError::Script { policy: name.clone(), source: error })?;
                let owner = format!("policy:{name}");
                Work { name, program, grants, approvals, limits, script, owner, secrets: policy.spec.secrets.clone() }
            }
            Target::Component(name, source) => {
                let program = self.prepare(&name, &source).await?;
                let owner = format!("file:{}", program.inspection().digest.hex());
                let (grants, approvals, secrets) = Default::default();
                Work { name, program, grants, approvals, limits: None, script: None, owner, secrets }
            }
            Target::Script(script) => {
                let program = self.interpreter(script.language).await?;
                let name = script.file.clone();
                // It has no name of its own, so what it keeps is its author's.
                let owner = format!("scripts:{}", principal.0);
                let (grants, approvals, secrets) = Default::default();
                Work { name, program, grants, approvals, limits: None, script: Some(script), owner, secrets }
            }
        };
        if !work.program.inspection().world.is_policy() {
            return Err(HostError::NotAPolicy { which: work.name });
        }
        Ok(work)
    }

    /// Runs a script; gives its session's variables too, as they are from now on.
    #[expect(clippy::too_many_arguments, reason = "they are what a run is made of, and there is one caller")]
    async fn run_script(
        &self,
        program: &Program,
        script: &Script,
        input: &str,
        lease: Option<Lease>,
        session: &Session,
        mut setup: RunSetup,
        cancelled: impl Future<Output = ()>,
    ) -> (PolicyEnd, Option<String>) {
        let mut cancelled = std::pin::pin!(cancelled);
        let grants = session.context().grants.clone();
        // What comes before the run is bounded as the run is: a server may take long to connect, a text to read.
        let ready = tokio::select! {
            biased;
            () = &mut cancelled => Err(RunError::Cancelled),
            () = self.0.clock.limit(setup.limits.timeout()) => {
                Err(setup.limits.reached(LimitKind::Timeout).into())
            }
            ready = async { (read(script).await, self.names_for(script, grants).await) } => Ok(ready),
        };
        let prepared = match ready {
            Ok((Ok(prepared), names)) => {
                setup.names = Some(names);
                prepared
            }
            Ok((Err(error), _)) => return (refused(Ok(Err(unreadable(&error)))), None),
            Err(error) => return (refused(Err(error)), None),
        };
        let before = lease.as_ref().map(|lease| lease.object().to_owned());
        let sent = Input { code: &prepared.code, file: &script.file, input, session: before.as_deref() };
        let sent = match sent.to_json() {
            Ok(sent) => sent,
            Err(error) => return (refused(Err(RunError::Unusable(error.to_string()))), before),
        };
        let end = self.0.runtime.run_policy(program, &sent, setup, cancelled).await;
        let RunEnd { result, stdout, stderr, dropped_log_bytes, fuel_used } = end;
        let mut variables = before;
        let result = match result {
            Ok(Ok(answer)) => match Output::read(&answer) {
                Ok(Output { output, session: after }) => {
                    match lease.zip(after).map(|(lease, after)| keep(lease, after)) {
                        Some(Err(error)) => Ok(Err(error)),
                        Some(Ok(after)) => {
                            variables = Some(after);
                            Ok(Ok(output))
                        }
                        None => Ok(Ok(output)),
                    }
                }
                Err(error) => Err(RunError::InvalidOutput(error.to_string())),
            },
            other => other,
        };
        (RunEnd { result, stdout, stderr, dropped_log_bytes, fuel_used }, variables)
    }

    /// The names that a script has. Waits for the servers that it mentions: their tools are not known before they are
    /// there.
    async fn names_for(&self, script: &Script, grants: Grants) -> Arc<dyn Names> {
        let language = match script.language {
            Language::JavaScript | Language::TypeScript => Naming::TypeScript,
            Language::Python => Naming::Python,
        };
        let names = self.0.names.of(self, language);
        let granted = names.mentioned(&script.code).filter(|namespace| grants.reaches(&namespace.server));
        let mentioned: Vec<_> = granted.map(|namespace| namespace.server.clone()).collect();
        if mentioned.is_empty() {
            return Arc::new(Granted { names, grants });
        }
        drop(self.fleet().wait_ready(&mentioned).await);
        Arc::new(Granted { names: self.0.names.of(self, language), grants })
    }
}

/// Makes a script's text ready for its interpreter. Taking types away may use a thread for a while.
async fn read(script: &Script) -> Result<Prepared, PrepareError> {
    if script.language != Language::TypeScript {
        return prepare(script.language, &script.code);
    }
    let (language, code) = (script.language, script.code.clone());
    let read = tokio::task::spawn_blocking(move || prepare(language, &code)).await;
    read.unwrap_or(Err(PrepareError::Unreadable("it ended early")))
}

fn keep(lease: Lease, variables: String) -> Result<String, PolicyError> {
    match lease.commit(&variables) {
        Ok(()) => Ok(variables),
        Err(error) => Err(PolicyError {
            message: error.to_string(),
            code: Some("session".to_owned()),
            data: None,
            caused_by: None,
        }),
    }
}

/// The end of a run that did not begin.
fn refused(result: Result<Result<String, PolicyError>, RunError>) -> PolicyEnd {
    RunEnd { result, stdout: String::new(), stderr: String::new(), dropped_log_bytes: 0, fuel_used: 0 }
}

/// A script that the host cannot read, told as an interpreter tells it.
fn unreadable(error: &PrepareError) -> PolicyError {
    let (message, data) = match error {
        PrepareError::Syntax(syntax) => {
            let data = serde_json::json!({"type": "SyntaxError", "line": syntax.line, "column": syntax.column});
            (syntax.message.clone(), data)
        }
        PrepareError::TooDeep { line, .. } => {
            (error.to_string(), serde_json::json!({"type": "SyntaxError", "line": line}))
        }
        PrepareError::TooLong { .. } | PrepareError::Unreadable(_) => {
            (error.to_string(), serde_json::json!({"type": "SyntaxError"}))
        }
    };
    PolicyError { message, code: Some("syntax-error".to_owned()), data: Some(data.to_string()), caused_by: None }
}
