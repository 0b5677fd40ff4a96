//! `#[resource]` and `#[prompt]` of an adapter.

use proc_macro2::TokenStream;
use quote::quote;
use std::collections::BTreeSet;
use syn::{Attribute, Error, FnArg, ImplItemFn, LitStr, Meta, Pat, Result, Type};

use crate::describe::Description;
use crate::function::Function;

/// Resources and prompts, as code.
#[derive(Default)]
pub struct Offers {
    /// Definitions of their inputs, where they have own ones.
    definitions: Vec<TokenStream>,
    resources: Vec<TokenStream>,
    templates: Vec<TokenStream>,
    /// Statements that answer a `uri`, or go on. Those without variables come first.
    reads: Vec<TokenStream>,
    template_reads: Vec<TokenStream>,
    prompts: Vec<TokenStream>,
    /// Arms of a match on a prompt's name.
    gets: Vec<TokenStream>,
    /// URIs, and names of prompts.
    taken: BTreeSet<String>,
}

impl Offers {
    /// Takes the function in if it has one of the attributes, which it then no longer has.
    pub fn take(&mut self, adapter: &Type, function: &mut ImplItemFn, blocking: bool) -> Result<()> {
        for (kind, add) in [
            ("resource", Self::add_resource as fn(&mut Self, &Type, &Attribute, &mut ImplItemFn) -> _),
            ("prompt", Self::add_prompt),
        ] {
            if let Some(at) = function.attrs.iter().position(|attribute| attribute.path().is_ident(kind)) {
                let attribute = function.attrs.remove(at);
                if blocking && let Some(word) = &function.sig.asyncness {
                    return Err(Error::new_spanned(word, format!("a {kind} of a blocking adapter is not `async`")));
                }
                add(self, adapter, &attribute, function)?;
            }
        }
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.reads.is_empty() && self.template_reads.is_empty() && self.gets.is_empty()
    }

    fn add_resource(&mut self, adapter: &Type, attribute: &Attribute, function: &mut ImplItemFn) -> Result<()> {
        let (mut description, mut uri, mut mime_type) = (Description::default(), None::<LitStr>, None::<LitStr>);
        if !matches!(attribute.meta, Meta::Path(_)) {
            attribute.parse_nested_meta(|option| {
                if description.take(&option)? {
                } else if option.path.is_ident("uri") {
                    uri = Some(option.value()?.parse()?);
                } else if option.path.is_ident("mime_type") {
                    mime_type = Some(option.value()?.parse()?);
                } else {
                    return Err(option
                        .error("a resource has the options `uri`, `name`, `title`, `description` and `mime_type`"));
                }
                Ok(())
            })?;
        }
        let uri = uri.ok_or_else(|| {
            Error::new_spanned(attribute, "a resource has a URI: write `#[resource(uri = \"notes://note/{id}\")]`")
        })?;
        let variables = variables(&uri)?;
        let parameters = parameters(function);
        if variables != parameters {
            let list = |names: &BTreeSet<String>| match names.len() {
                0 => "none".to_owned(),
                _ => names.iter().cloned().collect::<Vec<_>>().join(", "),
            };
            let (variables, parameters) = (list(&variables), list(&parameters));
            return Err(Error::new_spanned(
                &uri,
                format!(
                    "the variables of the URI ({variables}) and the parameters of the function ({parameters}) are not the same"
                ),
            ));
        }
        if !self.taken.insert(uri.value()) {
            return Err(Error::new_spanned(&uri, "the adapter has another resource of this URI"));
        }
        let awaited = function.sig.asyncness.map(|_| quote!(.await));
        let Function { input, definition, arguments, .. } = Function::new(&mut function.sig)?;
        let ident = &function.sig.ident;
        let info = info(&description, function)?;
        let mime_type = match mime_type {
            Some(mime_type) => quote!(::core::option::Option::Some(#mime_type)),
            None => quote!(::core::option::Option::None),
        };
        let private = quote!(::tollgate_sdk::__private);
        let read = quote! {
            if let ::core::option::Option::Some(input) = #private::resource_args::<#input>(#uri, &uri) {
                let input = input?;
                // Without parameters it is not looked at.
                let _ = &input;
                return #private::resource_output(&uri, #mime_type, <#adapter>::#ident(#arguments) #awaited);
            }
        };
        self.definitions.push(definition);
        if variables.is_empty() {
            self.resources.push(quote!(#private::resource(#uri, #mime_type, #info)));
            self.reads.push(read);
        } else {
            self.templates.push(quote!(#private::template(#uri, #mime_type, #info)));
            self.template_reads.push(read);
        }
        Ok(())
    }

    fn add_prompt(&mut self, adapter: &Type, attribute: &Attribute, function: &mut ImplItemFn) -> Result<()> {
        let mut description = Description::default();
        if !matches!(attribute.meta, Meta::Path(_)) {
            attribute.parse_nested_meta(|option| match description.take(&option)? {
                true => Ok(()),
                false => Err(option.error("a prompt has the options `name`, `title` and `description`")),
            })?;
        }
        let awaited = function.sig.asyncness.map(|_| quote!(.await));
        let Function { input, definition, arguments, .. } = Function::new(&mut function.sig)?;
        let ident = &function.sig.ident;
        let name = description.name_or(ident.to_string());
        if !self.taken.insert(name.clone()) {
            return Err(Error::new_spanned(ident, format!("the adapter has another prompt called `{name}`")));
        }
        let info = info(&description, function)?;
        let private = quote!(::tollgate_sdk::__private);
        self.definitions.push(definition);
        self.prompts.push(quote!(#private::prompt::<#input>(#info)));
        self.gets.push(quote! {
            #name => {
                let input: #input = #private::tool_args(&arguments)?;
                let _ = &input;
                #private::prompt_output(<#adapter>::#ident(#arguments) #awaited)
            }
        });
        Ok(())
    }

    /// The definitions and the implementations of the world's interfaces.
    pub fn expand(&self, adapter: &Type, blocking: bool) -> TokenStream {
        let Self { definitions, resources, templates, reads, template_reads, prompts, gets, .. } = self;
        let private = quote!(::tollgate_sdk::__private);
        let (exports, twin, function) = match blocking {
            true => {
                (quote!(::tollgate_sdk::bindings::full_adapter_blocking::exports::tollgate), "_blocking", quote!(fn))
            }
            false => (quote!(::tollgate_sdk::bindings::full_adapter::exports::tollgate), "", quote!(async fn)),
        };
        let (resource, prompt) =
            (quote::format_ident!("resource_provider{twin}"), quote::format_ident!("prompt_provider{twin}"));
        quote! {
            #(#definitions)*

            impl #exports::resources::#resource::Guest for #adapter {
                fn list_resources() -> ::std::vec::Vec<#private::ResourceInfo> {
                    ::std::vec![#(#resources),*]
                }

                fn list_templates() -> ::std::vec::Vec<#private::TemplateInfo> {
                    ::std::vec![#(#templates),*]
                }

                #function read(
                    uri: ::std::string::String,
                ) -> ::core::result::Result<::std::string::String, #private::ToolError> {
                    #(#reads)*
                    #(#template_reads)*
                    ::core::result::Result::Err(#private::ToolError::UnknownTool(uri))
                }
            }

            impl #exports::prompts::#prompt::Guest for #adapter {
                fn list_prompts() -> ::std::vec::Vec<#private::PromptInfo> {
                    ::std::vec![#(#prompts),*]
                }

                #function get(
                    name: ::std::string::String,
                    arguments: ::std::string::String,
                ) -> ::core::result::Result<::std::string::String, #private::ToolError> {
                    let _ = &arguments;
                    match name.as_str() {
                        #(#gets)*
                        _ => ::core::result::Result::Err(#private::ToolError::UnknownTool(name)),
                    }
                }
            }
        }
    }
}

fn info(description: &Description, function: &ImplItemFn) -> Result<TokenStream> {
    let ident = &function.sig.ident;
    let (name, title) = (description.name_or(ident.to_string()), description.title());
    let text = description.text(&function.attrs, ident)?;
    Ok(quote! {
        ::tollgate_sdk::__private::OfferInfo { name: #name, title: #title, description: #text }
    })
}

fn parameters(function: &ImplItemFn) -> BTreeSet<String> {
    let names = function.sig.inputs.iter().filter_map(|parameter| match parameter {
        FnArg::Typed(parameter) => match &*parameter.pat {
            Pat::Ident(name) => Some(name.ident.to_string()),
            _ => None,
        },
        FnArg::Receiver(_) => None,
    });
    names.collect()
}

/// The names in braces.
fn variables(uri: &LitStr) -> Result<BTreeSet<String>> {
    let text = uri.value();
    if !text.contains(':') {
        return Err(Error::new_spanned(uri, "a URI begins with a scheme, as `notes://`"));
    }
    let mut names = BTreeSet::new();
    for piece in text.split('{').skip(1) {
        let name = piece.split_once('}').map(|(name, _)| name.strip_prefix('+').unwrap_or(name));
        let is_name = |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let Some(name) = name.filter(is_name) else {
            return Err(Error::new_spanned(
                uri,
                "a variable is written `{name}`, or `{+name}` where it may have slashes",
            ));
        };
        if piece.ends_with('}') && text.contains("}{") {
            return Err(Error::new_spanned(uri, "there must be something between two variables"));
        }
        if !names.insert(name.to_owned()) {
            return Err(Error::new_spanned(uri, format!("the variable `{name}` is there twice")));
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use crate::adapter;
    use quote::quote;

    fn error(item: proc_macro2::TokenStream) -> String {
        adapter::expand(quote!(), item).unwrap_err().to_string()
    }

    fn of(attribute: proc_macro2::TokenStream, signature: proc_macro2::TokenStream) -> proc_macro2::TokenStream {
        quote!(impl A {
            /// One.
            #[#attribute]
            fn one(#signature) -> Result<String> {}
        })
    }

    #[test]
    fn an_adapter_of_resources_alone_needs_no_tool() {
        let code = adapter::expand(quote!(), of(quote!(resource(uri = "n://{id}")), quote!(id: String))).unwrap();
        assert!(code.to_string().contains("full_adapter"));
        let code = adapter::expand(quote!(blocking), of(quote!(prompt), quote!(id: String))).unwrap();
        assert!(code.to_string().contains("full_adapter_blocking"));
    }

    #[test]
    fn a_uri_and_its_function_belong_together() {
        for (attribute, signature, why) in [
            (quote!(resource), quote!(), "a resource has a URI"),
            (quote!(resource(uri = "n://{id}")), quote!(), "(id) and the parameters of the function (none)"),
            (quote!(resource(uri = "n://x")), quote!(id: String), "(none) and the parameters of the function (id)"),
            (quote!(resource(uri = "n://{id")), quote!(id: String), "a variable is written"),
            (quote!(resource(uri = "n://{?id}")), quote!(id: String), "a variable is written"),
            (quote!(resource(uri = "n://{a}{b}")), quote!(a: String, b: String), "between two variables"),
            (quote!(resource(uri = "n://{a}/{a}")), quote!(a: String), "is there twice"),
            (quote!(resource(uri = "note")), quote!(), "begins with a scheme"),
            (quote!(resource(url = "n://x")), quote!(), "a resource has the options"),
            (quote!(prompt(uri = "n://x")), quote!(), "a prompt has the options"),
        ] {
            let error = error(of(attribute, signature));
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn two_of_the_same_name_are_an_error() {
        let twice = quote!(impl A {
            /// One.
            #[resource(uri = "n://x")]
            fn one() -> Result<u8> {}
            /// Two.
            #[resource(uri = "n://x")]
            fn two() -> Result<u8> {}
        });
        assert!(error(twice).contains("another resource"));
        let item = quote!(impl A {
            /// One.
            #[prompt]
            fn one() -> Result<String> {}
            /// Two.
            #[prompt(name = "one")]
            fn two() -> Result<String> {}
        });
        assert!(error(item).contains("another prompt called `one`"));
    }
}
