//! `#[adapter]` and its `#[tool]`; `offer` has its `#[resource]` and `#[prompt]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::Parser;
use syn::{Attribute, Error, ImplItem, ImplItemFn, ItemImpl, LitBool, Meta, Result, Token, Type};

use crate::describe::Description;
use crate::function::Function;
use crate::offer::Offers;

/// The hints of MCP's tool annotations, as options are written and as MCP calls them.
const HINTS: [(&str, &str); 4] = [
    ("read_only", "readOnlyHint"),
    ("destructive", "destructiveHint"),
    ("idempotent", "idempotentHint"),
    ("open_world", "openWorldHint"),
];

#[derive(Default)]
struct Options {
    description: Description,
    /// Members of the annotations object, as JSON.
    hints: Vec<String>,
}

/// One tool, as code.
struct Tool {
    name: String,
    /// The definition of its input, where it has an own one.
    definition: TokenStream,
    /// Its entry in the list of tools.
    entry: TokenStream,
    /// Its call, from the text `args`.
    call: TokenStream,
}

pub fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let blocking = parse_adapter_options(options)?;
    let mut block: ItemImpl = syn::parse2(item)?;
    let adapter = (*block.self_ty).clone();
    let (mut tools, mut offers) = (Vec::new(), Offers::default());
    for item in &mut block.items {
        if let ImplItem::Fn(function) = item {
            offers.take(&adapter, function, blocking)?;
        }
        if let ImplItem::Fn(function) = item
            && let Some(at) = function.attrs.iter().position(|attribute| attribute.path().is_ident("tool"))
        {
            let attribute = function.attrs.remove(at);
            let tool = expand_tool(&adapter, &attribute, function, blocking)?;
            if tools.iter().any(|other: &Tool| other.name == tool.name) {
                let message = format!("the adapter has another tool called `{}`", tool.name);
                return Err(Error::new_spanned(&function.sig.ident, message));
            }
            tools.push(tool);
        }
    }
    if tools.is_empty() && offers.is_empty() {
        let message = "the adapter has no tool: write `#[tool]` on its functions (or `#[resource]`, `#[prompt]`)";
        return Err(Error::new_spanned(&adapter, message));
    }

    let private = quote!(::tollgate_sdk::__private);
    let world = match (blocking, offers.is_empty()) {
        (false, true) => quote!(adapter),
        (true, true) => quote!(adapter_blocking),
        (false, false) => quote!(full_adapter),
        (true, false) => quote!(full_adapter_blocking),
    };
    let call_tool = if blocking { quote!(fn) } else { quote!(async fn) };
    let offers = (!offers.is_empty()).then(|| offers.expand(&adapter, blocking));
    let (names, definitions) = (tools.iter().map(|tool| &tool.name), tools.iter().map(|tool| &tool.definition));
    let (entries, calls) = (tools.iter().map(|tool| &tool.entry), tools.iter().map(|tool| &tool.call));
    Ok(quote! {
        #block

        const _: () = {
            #(#definitions)*
            #offers

            impl ::tollgate_sdk::bindings::#world::Guest for #adapter {
                fn list_tools() -> ::std::vec::Vec<#private::Tool> {
                    ::std::vec![#(#entries),*]
                }

                #call_tool call_tool(
                    name: ::std::string::String,
                    args: ::std::string::String,
                ) -> ::core::result::Result<#private::RawToolResult, #private::ToolError> {
                    let _ = &args;
                    match name.as_str() {
                        #(#names => #calls)*
                        _ => ::core::result::Result::Err(#private::ToolError::UnknownTool(name)),
                    }
                }
            }

            ::tollgate_sdk::bindings::#world::export!(#adapter with_types_in ::tollgate_sdk::bindings::#world);
        };
    })
}

fn expand_tool(adapter: &Type, attribute: &Attribute, function: &mut ImplItemFn, blocking: bool) -> Result<Tool> {
    let options = parse_tool_options(attribute)?;
    if blocking && let Some(word) = &function.sig.asyncness {
        return Err(Error::new_spanned(word, "a tool of a blocking adapter is not `async`"));
    }
    let awaited = function.sig.asyncness.map(|_| quote!(.await));
    let Function { input, definition, arguments, output } = Function::new(&mut function.sig)?;
    let ident = &function.sig.ident;
    let name = options.description.name_or(ident.to_string());
    let title = options.description.title();
    let description = options.description.text(&function.attrs, ident)?;
    let annotations = if options.hints.is_empty() {
        quote!(::core::option::Option::None)
    } else {
        let json = format!("{{{}}}", options.hints.join(","));
        quote!(::core::option::Option::Some(#json))
    };

    let private = quote!(::tollgate_sdk::__private);
    let entry = quote! {
        #private::tool::<#input, #output>(#private::ToolInfo {
            name: #name,
            title: #title,
            description: #description,
            annotations: #annotations,
        })
    };
    let call = quote! {{
        let input: #input = #private::tool_args(&args)?;
        #private::tool_output(<#adapter>::#ident(#arguments) #awaited)
    }};
    Ok(Tool { name, definition, entry, call })
}

fn parse_adapter_options(tokens: TokenStream) -> Result<bool> {
    let mut blocking = false;
    let parser = syn::meta::parser(|option| {
        if !option.path.is_ident("blocking") {
            return Err(option.error("an adapter has one option, `blocking`"));
        }
        blocking = true;
        Ok(())
    });
    parser.parse2(tokens)?;
    Ok(blocking)
}

fn parse_tool_options(attribute: &Attribute) -> Result<Options> {
    let mut options = Options::default();
    if matches!(attribute.meta, Meta::Path(_)) {
        return Ok(options);
    }
    attribute.parse_nested_meta(|option| {
        if options.description.take(&option)? {
            return Ok(());
        }
        let Some((_, hint)) = HINTS.iter().find(|(name, _)| option.path.is_ident(name)) else {
            return Err(option.error(
                "a tool has the options `name`, `title`, `description`, `read_only`, `destructive`, `idempotent` and \
                 `open_world`",
            ));
        };
        let value = if option.input.peek(Token![=]) { option.value()?.parse::<LitBool>()?.value } else { true };
        options.hints.push(format!("\"{hint}\":{value}"));
        Ok(())
    })?;
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(options: TokenStream, item: TokenStream) -> String {
        expand(options, item).unwrap_err().to_string()
    }

    #[test]
    fn an_adapter_has_tools_of_different_names() {
        assert!(error(quote!(), quote!(impl A { fn helper() {} })).contains("no tool"));
        let twice = quote!(impl A {
            /// One.
            #[tool]
            fn a() -> Result<u8> {}
            /// Two.
            #[tool(name = "a")]
            fn b() -> Result<u8> {}
        });
        assert_eq!(error(quote!(), twice), "the adapter has another tool called `a`");
    }

    #[test]
    fn hints_are_sent_as_they_are_given() {
        let code = expand(
            quote!(),
            quote!(impl A {
                /// One.
                #[tool(read_only, open_world = false)]
                fn a() -> Result<u8> {}
            }),
        );
        let literal = format!("{:?}", r#"{"readOnlyHint":true,"openWorldHint":false}"#);
        assert!(code.unwrap().to_string().contains(&literal));
    }

    #[test]
    fn an_unknown_option_is_an_error_that_lists_the_known() {
        let item = quote!(impl A {
            /// One.
            #[tool(readonly)]
            fn a() -> Result<u8> {}
        });
        assert!(error(quote!(), item).contains("`read_only`"));
    }

    #[test]
    fn a_tool_of_a_blocking_adapter_is_not_async() {
        let item = quote!(impl A {
            /// One.
            #[tool]
            async fn a() -> Result<u8> {}
        });
        assert!(error(quote!(blocking), item.clone()).contains("not `async`"));
        assert!(expand(quote!(), item).is_ok());
    }
}
