//! Runs of policies and scripts.

use crate::host::{Host, HostError};
use crate::names::{CatalogNames, Granted};
use crate::report::RunReport;
use crate::request::{RunRequest, Script, Target};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::sync::Arc;
use tollgate_core::{Grants, Limits, Names, json as json_text};
use tollgate_gate::Opening;
use tollgate_runtime::{PolicyError, Program, RunEnd, RunError, RunSetup};
use tollgate_script::{Interpreter, Language};
use tollgate_surface::Language as Naming;

/// What a request comes to.
struct Work {
    name: String,
    program: Arc<Program>,
    grants: Grants,
    limits: Option<Limits>,
    script: Option<Script>,
}

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
        json_text::check(&request.input).map_err(HostError::Input)?;
        let Work { name, program, mut grants, limits, script } = self.work(request.target).await?;
        grants.extend(request.grants);
        let mut limits = limits.unwrap_or_else(|| self.limits());
        for (kind, value) in request.limits {
            limits.set(kind, value);
        }
        let log_bytes = limits.log_bytes;
        let session = self.0.gate.open(
            Opening {
                name: name.into(),
                digest: Some(program.inspection().digest.to_string()),
                principal: request.principal,
                tenant: request.tenant,
                grants: grants.clone(),
                limits: limits.clone(),
                client: request.client,
            },
            None,
        );
        let mut setup = RunSetup { seed: session.context().seed, caller: session.clone(), limits, names: None };
        let end = match &script {
            None => self.0.runtime.run_policy(&program, &request.input, setup, cancelled).await,
            Some(script) => {
                setup.names = Some(self.names_for(script, grants).await);
                let input = RawValue::from_string(request.input).map_err(HostError::Input)?;
                let input = json!({"code": script.code, "file": script.file, "input": input, "session": Value::Null});
                answered(self.0.runtime.run_policy(&program, &input.to_string(), setup, cancelled).await)
            }
        };
        Ok(RunReport::new(session.context().run, log_bytes, end, |status, fuel| session.finish(status, fuel)))
    }

    async fn work(&self, target: Target) -> Result<Work, HostError> {
        let work = match target {
            Target::Named(name) => {
                let policy = self.policy(&name)?;
                let program = policy.program(self, &name).await?;
                let (grants, limits) = (policy.spec.grants.clone(), policy.spec.limits.clone());
                Work { name, program, grants, limits, script: None }
            }
            Target::Component(name, source) => {
                let program = self.prepare(&name, &source).await?;
                Work { name, program, grants: Grants::default(), limits: None, script: None }
            }
            Target::Script(script) => {
                let interpreter = match script.language {
                    Language::JavaScript | Language::TypeScript => Interpreter::JavaScript,
                    Language::Python => Interpreter::Python,
                };
                let program = self.0.interpreters.program(&self.0.runtime, interpreter).await?;
                let name = script.file.clone();
                Work { name, program, grants: Grants::default(), limits: None, script: Some(script) }
            }
        };
        if !work.program.inspection().world.is_policy() {
            return Err(HostError::NotAPolicy { which: work.name });
        }
        Ok(work)
    }

    /// The names that a script has. Waits for the servers that it mentions: their tools are not known before they are
    /// there.
    async fn names_for(&self, script: &Script, grants: Grants) -> Arc<dyn Names> {
        let language = match script.language {
            Language::JavaScript | Language::TypeScript => Naming::TypeScript,
            Language::Python => Naming::Python,
        };
        let names = self.0.names.of(self, language);
        let mentioned: Vec<_> = names.mentioned(&script.code).map(|n| n.server.clone()).collect();
        drop(self.fleet().wait_ready(&mentioned).await);
        let names: Arc<CatalogNames> = self.0.names.of(self, language);
        Arc::new(Granted { names, grants })
    }
}

/// What an interpreter's answer says of its script.
fn answered(end: RunEnd<Result<String, PolicyError>>) -> RunEnd<Result<String, PolicyError>> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        output: &'a RawValue,
    }
    let RunEnd { result, stdout, stderr, dropped_log_bytes, fuel_used } = end;
    let result = match result {
        Ok(Ok(text)) => match serde_json::from_str::<Answer<'_>>(&text) {
            Ok(answer) => Ok(Ok(answer.output.get().to_owned())),
            Err(error) => Err(RunError::InvalidOutput(format!("something that is no script's end: {error}"))),
        },
        other => other,
    };
    RunEnd { result, stdout, stderr, dropped_log_bytes, fuel_used }
}
