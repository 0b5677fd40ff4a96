//! The attributes of `tollgate-sdk`, which documents them where it re-exports them: an example here
//! could not use that crate.

use proc_macro::TokenStream;

mod adapter;
mod describe;
mod function;
mod offer;
mod policy;

#[allow(missing_docs, reason = "documented at the re-export")]
#[proc_macro_attribute]
pub fn policy(options: TokenStream, item: TokenStream) -> TokenStream {
    policy::expand(options.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

#[allow(missing_docs, reason = "documented at the re-export")]
#[proc_macro_attribute]
pub fn adapter(options: TokenStream, item: TokenStream) -> TokenStream {
    adapter::expand(options.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
