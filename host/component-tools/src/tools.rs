//! From a component to its tools.

use crate::decode::{DecodeError, Decoded, decode};
use crate::lift::{Mismatch, lift, output, output_schema};
use crate::lower::lower_fields;
use crate::names::{Named, names, snake};
use crate::schema::object;
use crate::shape::{DEPTH_MAX, Field, Kind, NODES_MAX, Shape, Shapes, Unfit};
use crate::value::Value;
use serde_json::Value as Json;
use tollgate_core::Violation;
use wit_parser::{Function, Resolve, WorldItem, WorldKey};

/// The most tools of one component.
pub const TOOLS_MAX: usize = 1_000;

/// Whose interfaces are no tools: what a component exports of these is for a host.
const HOST_NAMESPACES: &[&str] = &["wasi", "tollgate"];

/// A function of a component, by the names under which the component exports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The instance, as `acme:math/calc@1.0.0`; none for a function of the component itself.
    pub instance: Option<String>,
    /// The function, as `add-all`.
    pub function: String,
}

impl std::fmt::Display for Export {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.instance {
            Some(instance) => write!(f, "{instance}#{}", self.function),
            None => f.write_str(&self.function),
        }
    }
}

/// A tool, and how to call it.
#[derive(Clone, Debug)]
pub struct ComponentTool {
    /// As MCP and every provider of language models takes it: 64 characters at most.
    pub name: String,
    /// The function's doc comment; without one, which function it is.
    pub description: String,
    /// JSON Schema (2020-12) of the arguments.
    pub input_schema: Json,
    /// JSON Schema (2020-12) of the structured result. None for a function that gives nothing.
    pub output_schema: Option<Json>,
    /// The function.
    pub export: Export,
    /// Whether the function is `async` in WIT. To call it is the same.
    pub is_async: bool,
    /// Its parameters, in order.
    pub params: Vec<Field>,
    /// What it returns, with the outer `result` if it has one.
    pub result: Option<Shape>,
}

/// What a call came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// It worked: MCP's structured content, an object. None for a function that gives nothing.
    Ok(Option<Json>),
    /// The function returned its error: `isError` with this. None for an error without a value.
    Err(Option<Json>),
}

/// A function that is no tool.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{export} is no tool: {reason}")]
pub struct Refused {
    /// The function.
    pub export: Export,
    /// Why.
    pub reason: String,
}

/// What was found in a component.
#[derive(Clone, Debug)]
pub struct Derived {
    /// The tools, in the order of their names.
    pub tools: Vec<ComponentTool>,
    /// Functions that are none, and why. A warning for whoever configures the component.
    pub refused: Vec<Refused>,
}

/// Why a component has no tools.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeriveError {
    /// The file cannot be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It has more functions than anybody could use.
    #[error("this component exports {0} functions; at most {TOOLS_MAX} can be tools")]
    TooMany(usize),
    /// It exports no function that can be one.
    #[error("this component exports no function that can be a tool{}", listed(.0))]
    None(Vec<Refused>),
}

fn listed(refused: &[Refused]) -> String {
    let mut text = String::new();
    for (i, refused) in refused.iter().take(5).enumerate() {
        text.push_str(if i == 0 { ": " } else { "; " });
        text.push_str(&refused.to_string());
    }
    if refused.len() > 5 {
        text.push_str("; …");
    }
    text
}

/// The tools of a plain component. Reads its types; runs none of it. It takes milliseconds and a thread, so it does not
/// belong on an async one.
///
/// # Errors
/// [`DeriveError`]. A single function that cannot be a tool is no error; see [`Derived::refused`].
pub fn derive(bytes: &[u8]) -> Result<Derived, DeriveError> {
    let Decoded { resolve, world, docs } = decode(bytes)?;
    let found = functions(&resolve, world);
    if found.len() > TOOLS_MAX {
        return Err(DeriveError::TooMany(found.len()));
    }
    let mut shapes = Shapes::new(&resolve, &docs);
    let (mut tools, mut refused) = (Vec::new(), Vec::new());
    for (instance, interface, function) in found {
        let export = Export { instance, function: function.name.clone() };
        match signature(function, &mut shapes) {
            Ok((params, result)) => {
                let ok = success(result.as_ref());
                let said = docs.function(interface, &function.name);
                tools.push(ComponentTool {
                    name: String::new(),
                    description: said
                        .map_or_else(|| format!("Calls the function `{export}`."), |text| text.to_string()),
                    input_schema: object(&params),
                    output_schema: ok.map(output_schema),
                    is_async: function.kind.is_async(),
                    export,
                    params,
                    result,
                });
            }
            Err(reason) => refused.push(Refused { export, reason }),
        }
    }
    if tools.is_empty() {
        return Err(DeriveError::None(refused));
    }
    let named: Vec<_> = tools
        .iter()
        .map(|tool| Named { instance: tool.export.instance.as_deref(), function: &tool.export.function })
        .collect();
    let names = names(&named);
    for (tool, name) in tools.iter_mut().zip(names) {
        tool.name = name;
    }
    tools.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Derived { tools, refused })
}

type Found<'a> = (Option<String>, Option<&'a str>, &'a Function);

/// Each exported function, with the name of its instance and of its interface.
fn functions(resolve: &Resolve, world: wit_parser::WorldId) -> Vec<Found<'_>> {
    let mut found = Vec::new();
    let Some(world) = resolve.worlds.get(world) else { return found };
    for (key, item) in &world.exports {
        match item {
            WorldItem::Function(function) => found.push((None, None, function)),
            WorldItem::Interface { id, .. } => {
                let Some(interface) = resolve.interfaces.get(*id) else { continue };
                let (instance, name) = match key {
                    WorldKey::Name(name) => (name.clone(), name.as_str()),
                    WorldKey::Interface(_) => {
                        let (Some(full), Some(name)) = (resolve.id_of(*id), interface.name.as_deref()) else {
                            continue;
                        };
                        (full, name)
                    }
                };
                if instance.split_once(':').is_some_and(|(namespace, _)| HOST_NAMESPACES.contains(&namespace)) {
                    continue;
                }
                found.extend(interface.functions.values().map(|f| (Some(instance.clone()), Some(name), f)));
            }
            WorldItem::Type { .. } => {}
        }
    }
    found
}

type Signature = (Vec<Field>, Option<Shape>);

fn signature(function: &Function, shapes: &mut Shapes<'_>) -> Result<Signature, String> {
    if function.kind.resource().is_some() {
        return Err("it belongs to a resource, which nothing can hold between two calls".to_owned());
    }
    let mut params = Vec::with_capacity(function.params.len());
    for param in &function.params {
        let shape =
            shapes.shape(&param.ty, 0).map_err(|unfit| reason(&unfit, &format!("parameter `{}`", param.name)))?;
        params.push(Field { name: param.name.clone(), json: snake(&param.name), docs: None, shape });
    }
    let result = function.result.as_ref().map(|ty| shapes.shape(ty, 0)).transpose();
    Ok((params, result.map_err(|unfit| reason(&unfit, "result"))?))
}

fn reason(unfit: &Unfit, what: &str) -> String {
    match unfit {
        Unfit::NoJson(kind) => format!("its {what} holds {kind}, which cannot be written as JSON"),
        Unfit::Deep => format!("the type of its {what} nests deeper than {DEPTH_MAX}"),
        Unfit::Many => format!("with the type of its {what} the component has more than {NODES_MAX} types and fields"),
    }
}

/// What a function gives when it works: T of an outer `result<T, E>`, else the whole.
fn success(result: Option<&Shape>) -> Option<&Shape> {
    match &result?.kind {
        Kind::Result(cases) => cases.named("ok")?.shape.as_ref(),
        _ => result,
    }
}

impl ComponentTool {
    /// The parameters to call the function with.
    ///
    /// # Errors
    /// The first thing in the arguments that does not fit, with the place.
    pub fn lower(&self, args: &Json) -> Result<Vec<Value>, Violation> {
        Ok(lower_fields(&self.params, args)?.into_iter().map(|(_, value)| value).collect())
    }

    /// What a call came to, from what the function returned.
    ///
    /// # Errors
    /// [`Mismatch`] if this is not what the function returns.
    pub fn lift(&self, returned: Option<&Value>) -> Result<Output, Mismatch> {
        match (&self.result, returned) {
            (None, None) => Ok(Output::Ok(None)),
            (Some(Shape { kind: Kind::Result(cases), .. }), Some(Value::Result(outcome))) => {
                let of = |name: &str| cases.named(name).and_then(|case| case.shape.as_ref());
                match outcome {
                    Ok(None) if of("ok").is_none() => Ok(Output::Ok(None)),
                    Ok(Some(value)) => Ok(Output::Ok(Some(output(of("ok").ok_or(Mismatch)?, value)?))),
                    Err(None) if of("err").is_none() => Ok(Output::Err(None)),
                    Err(Some(value)) => Ok(Output::Err(Some(lift(of("err").ok_or(Mismatch)?, value)?))),
                    Ok(None) | Err(None) => Err(Mismatch),
                }
            }
            (Some(shape), Some(value)) => Ok(Output::Ok(Some(output(shape, value)?))),
            _ => Err(Mismatch),
        }
    }
}
