//! The signature of a policy or a tool, and how to call it with a JSON object.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{
    Attribute, Error, Field, FnArg, GenericArgument, Ident, Pat, PatType, PathArguments, Result, ReturnType, Signature,
    Type,
};

/// How to call a function whose arguments are a JSON object.
pub struct Function {
    /// The type of the object.
    pub input: Type,
    /// The definition of that type, where it is not the author's own.
    pub definition: TokenStream,
    /// The arguments of a call, taken from a variable `input`.
    pub arguments: TokenStream,
    /// The `T` of the function's `Result<T>`.
    pub output: Type,
}

impl Function {
    /// Reads a signature, and takes from its parameters the attributes that belong to the input.
    pub fn new(signature: &mut Signature) -> Result<Self> {
        let output = output(signature)?;
        let mut parameters = Vec::new();
        for parameter in &mut signature.inputs {
            match parameter {
                FnArg::Typed(parameter) => parameters.push(parameter),
                FnArg::Receiver(receiver) => {
                    let message = "it takes no `self`: every call has a fresh instance, so there is nothing to keep";
                    return Err(Error::new_spanned(receiver, message));
                }
            }
        }
        if let [whole] = parameters.as_slice()
            && is_whole(&whole.pat)
        {
            let input = (*whole.ty).clone();
            return Ok(Self { input, definition: TokenStream::new(), arguments: quote!(input), output });
        }
        let fields = parameters.into_iter().map(field).collect::<Result<Vec<_>>>()?;
        let arguments = fields.iter().map(|Field { ident, .. }| quote!(input.#ident,)).collect();
        let name = type_name(&signature.ident);
        let definition = quote! {
            #[derive(::tollgate_sdk::__private::serde::Deserialize, ::tollgate_sdk::__private::schemars::JsonSchema)]
            #[serde(crate = "::tollgate_sdk::__private::serde", deny_unknown_fields)]
            #[schemars(crate = "::tollgate_sdk::__private::schemars")]
            struct #name { #(#fields),* }
        };
        Ok(Self { input: syn::parse_quote!(#name), definition, arguments, output })
    }
}

/// Whether a single parameter is the whole input, and not a member of it.
fn is_whole(pattern: &Pat) -> bool {
    match pattern {
        Pat::Ident(name) => name.ident == "input" || name.ident == "args",
        _ => true,
    }
}

fn field(parameter: &mut PatType) -> Result<Field> {
    let Pat::Ident(name) = &*parameter.pat else {
        return Err(Error::new_spanned(&parameter.pat, "name the parameter: it is a member of the input object"));
    };
    if let Type::Reference(reference) = &*parameter.ty {
        return Err(Error::new_spanned(reference, "an input is read from JSON: take an owned type, as `String`"));
    }
    let belongs_to_field =
        |attribute: &Attribute| ["doc", "serde", "schemars"].iter().any(|name| attribute.path().is_ident(name));
    let (attributes, rest) = std::mem::take(&mut parameter.attrs).into_iter().partition::<Vec<_>, _>(belongs_to_field);
    parameter.attrs = rest;
    let (name, ty) = (&name.ident, &parameter.ty);
    Ok(syn::parse_quote!(#(#attributes)* #name: #ty))
}

fn output(signature: &Signature) -> Result<Type> {
    let output = match &signature.output {
        ReturnType::Type(_, output) => output,
        ReturnType::Default => return Err(no_result(&signature.ident)),
    };
    let Type::Path(path) = &**output else { return Err(no_result(output)) };
    match path.path.segments.last() {
        Some(last) if last.ident == "Result" => match &last.arguments {
            PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
                Some(GenericArgument::Type(value)) => Ok(value.clone()),
                _ => Err(no_result(output)),
            },
            _ => Err(no_result(output)),
        },
        _ => Err(no_result(output)),
    }
}

fn no_result(place: &impl ToTokens) -> Error {
    Error::new_spanned(place, "it must return `Result<T>`, where `T` is `Serialize` and `JsonSchema`")
}

/// `get_customer` becomes `GetCustomerInput`.
fn type_name(function: &Ident) -> Ident {
    let words = function.to_string();
    let camel_case: String = words
        .split('_')
        .flat_map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters)
        })
        .collect();
    format_ident!("{camel_case}Input")
}
