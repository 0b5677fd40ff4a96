//! Adapters: what tools they have, and calls of them.

use crate::bindings::wit;
use crate::engine::{Program, Runtime};
use crate::run::{
    RunEnd, RunError, RunSetup, ToolError, ToolInfo, bounded_text, cut, describe_error, describe_setup, schema,
};
use crate::values::{from_val, to_val};
use std::collections::HashSet;
use std::sync::Arc;
use tollgate_component_tools::{Export, Value};
use tollgate_core::name::check_tool_name;
use tollgate_core::{LimitKind, Limits, ToolResult, json};
use wasmtime::component::Val;

/// The most that all schemas of an adapter take as trees, in bytes.
const SCHEMAS_MAX_BYTES: usize = 64 << 20;
/// What reading a document may take: a large one is tens of megabytes.
const DOCUMENT_MEMORY_BYTES: u64 = 1 << 30;
const DOCUMENT_TIMEOUT_MS: u64 = 60_000;
const DOCUMENT_OUTPUT_BYTES: u64 = 160 << 20;

impl Runtime {
    /// Has an adapter answer one call. `tool` is the tool's name; for a document adapter, its operation.
    pub async fn call_adapter(
        &self,
        program: &Program,
        tool: &str,
        args: &str,
        setup: RunSetup,
        cancelled: impl Future<Output = ()>,
    ) -> RunEnd<Result<ToolResult, ToolError>> {
        let limits = setup.limits.clone();
        let end = self
            .execute::<(String, String), (Result<wit::ToolResult, wit::ToolError>,)>(
                program,
                program.main,
                (tool.to_owned(), args.to_owned()),
                setup,
                cancelled,
            )
            .await;
        end.and_then(|(answer,)| match answer {
            Ok(result) if result.json.len() as u64 > limits.output_bytes => {
                Err(limits.reached(LimitKind::OutputBytes).into())
            }
            Ok(result) => {
                let is_error = checked_tool_result(&result.json).map_err(RunError::InvalidOutput)?;
                Ok(Ok(ToolResult { json: result.json, is_error }))
            }
            Err(error) => Ok(Err(error.into())),
        })
    }

    /// The tools that an adapter provides. Asked once a program; every import is denied meanwhile.
    ///
    /// # Errors
    /// The run's, or [`RunError::InvalidOutput`].
    pub async fn list_tools(&self, program: &Program) -> Result<Arc<[ToolInfo]>, RunError> {
        let tools = program
            .tools
            .get_or_try_init(|| async {
                let end = self
                    .execute::<(), (Vec<wit::Tool>,)>(
                        program,
                        program.about,
                        (),
                        describe_setup(),
                        std::future::pending(),
                    )
                    .await;
                let (tools,) = end.result.map_err(describe_error)?;
                let mut names = HashSet::new();
                let schemas = |tool: &wit::Tool| {
                    let others = [&tool.output_schema, &tool.annotations].into_iter().flatten();
                    others.chain([&tool.input_schema]).map(|text| json::tree_bytes(text.as_bytes())).sum::<usize>()
                };
                if tools.iter().map(schemas).sum::<usize>() > SCHEMAS_MAX_BYTES {
                    return Err(RunError::InvalidOutput(format!(
                        "tools whose schemas would take more than {} MiB of memory",
                        SCHEMAS_MAX_BYTES >> 20
                    )));
                }
                tools
                    .into_iter()
                    .map(|tool| {
                        check_tool_name(&tool.name).map_err(|e| {
                            RunError::InvalidOutput(format!("a list of tools that cannot be: {}", cut(&e.to_string())))
                        })?;
                        if !names.insert(tool.name.clone()) {
                            return Err(RunError::InvalidOutput(format!("two tools named `{}`", cut(&tool.name))));
                        }
                        Ok(ToolInfo {
                            title: tool.title.map(|t| bounded_text("title", t)).transpose()?,
                            description: bounded_text("description", tool.description)?,
                            input_schema: schema("input schema", &tool.input_schema)?,
                            output_schema: tool.output_schema.map(|s| schema("output schema", &s)).transpose()?,
                            annotations: tool.annotations.map(|a| schema("annotations", &a)).transpose()?,
                            name: tool.name,
                        })
                    })
                    .collect::<Result<Arc<[_]>, _>>()
            })
            .await?;
        Ok(tools.clone())
    }

    /// What a document adapter makes of a document: the text of its catalog. Every import is denied meanwhile.
    ///
    /// # Errors
    /// The run's; the inner one is the adapter's, for the person who configured the document.
    pub async fn read_document(
        &self,
        program: &Program,
        document: &str,
        options: &str,
    ) -> Result<Result<String, String>, RunError> {
        let mut setup = describe_setup();
        setup.limits = Limits {
            memory_bytes: DOCUMENT_MEMORY_BYTES,
            host_memory_bytes: DOCUMENT_MEMORY_BYTES,
            timeout_ms: DOCUMENT_TIMEOUT_MS,
            output_bytes: DOCUMENT_OUTPUT_BYTES,
            fuel: 1 << 40,
            ..setup.limits
        };
        let params = (document.to_owned(), options.to_owned());
        let end = self
            .execute::<(String, String), (Result<String, String>,)>(
                program,
                program.about,
                params,
                setup,
                std::future::pending(),
            )
            .await;
        match end.result.map_err(describe_error)? {
            (Ok(catalog),) if catalog.len() as u64 > DOCUMENT_OUTPUT_BYTES => {
                Err(RunError::InvalidOutput(format!("a catalog of more than {DOCUMENT_OUTPUT_BYTES} bytes")))
            }
            (answer,) => Ok(answer),
        }
    }

    /// Calls a function of a plain component.
    pub async fn call_function(
        &self,
        program: &Program,
        export: &Export,
        args: Vec<Value>,
        setup: RunSetup,
        cancelled: impl Future<Output = ()>,
    ) -> RunEnd<Option<Value>> {
        let export = export.clone();
        self.execute_with(
            program,
            move |instance, store| {
                Box::pin(async move {
                    let missing = || wasmtime::format_err!("it does not export `{export}` any more");
                    let parent = match &export.instance {
                        Some(name) => Some(instance.get_export_index(&mut *store, None, name).ok_or_else(missing)?),
                        None => None,
                    };
                    let index = instance.get_export_index(&mut *store, parent.as_ref(), &export.function);
                    let func = instance.get_func(&mut *store, index.ok_or_else(missing)?).ok_or_else(missing)?;
                    let args: Vec<Val> = args.into_iter().map(to_val).collect();
                    let mut results = vec![Val::Bool(false); func.ty(&*store).results().len()];
                    func.call_async(&mut *store, &args, &mut results).await?;
                    results.pop().map(from_val).transpose()
                })
            },
            setup,
            cancelled,
        )
        .await
    }
}

/// Checks that a text is a `CallToolResult`, and reads its `isError`.
fn checked_tool_result(text: &str) -> Result<bool, String> {
    #[derive(serde::Deserialize)]
    struct Fields {
        #[serde(rename = "isError", default)]
        is_error: bool,
        #[allow(dead_code)] // its type is the check
        #[serde(default)]
        content: Vec<std::collections::BTreeMap<String, serde::de::IgnoredAny>>,
        #[allow(dead_code)] // likewise
        #[serde(rename = "structuredContent", default)]
        structured_content: Option<std::collections::BTreeMap<String, serde::de::IgnoredAny>>,
    }
    json::check(text).map_err(|e| format!("a tool result that is not JSON: {e}"))?;
    if !text.trim_start().starts_with('{') {
        return Err("something that is no tool result: it is not a JSON object".to_owned());
    }
    let fields: Fields = serde_json::from_str(text).map_err(|e| format!("something that is no tool result: {e}"))?;
    Ok(fields.is_error)
}
