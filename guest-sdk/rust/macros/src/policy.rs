//! `#[policy]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Error, Ident, ItemFn, LitStr, Result, Token, bracketed};

use crate::describe::Description;
use crate::function::Function;

#[derive(Default)]
struct Options {
    description: Description,
    grants: Vec<LitStr>,
    blocking: bool,
}

pub fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let options = parse_options(options)?;
    let mut function: ItemFn = syn::parse2(item)?;
    match (&function.sig.asyncness, options.blocking) {
        (None, false) => {
            let message = "a policy is an `async fn`; for one that blocks, write `#[policy(blocking)]`";
            return Err(Error::new_spanned(function.sig.fn_token, message));
        }
        (Some(word), true) => {
            return Err(Error::new_spanned(word, "a blocking policy is not `async`"));
        }
        _ => {}
    }

    let Function { input, definition, arguments, output } = Function::new(&mut function.sig)?;
    let ident = &function.sig.ident;
    let name = options.description.name_or(kebab_case(ident));
    let title = options.description.title();
    let description = options.description.text(&function.attrs, ident)?;
    let grants = &options.grants;

    let private = quote!(::tollgate_sdk::__private);
    let (world, run, awaited) = if options.blocking {
        (quote!(policy_blocking), quote!(fn), None)
    } else {
        (quote!(policy), quote!(async fn), Some(quote!(.await)))
    };
    Ok(quote! {
        #function

        const _: () = {
            #definition

            struct Policy;

            impl ::tollgate_sdk::bindings::#world::Guest for Policy {
                fn describe() -> #private::Descriptor {
                    #private::descriptor::<#input, #output>(#private::PolicyInfo {
                        name: #name,
                        title: #title,
                        description: #description,
                        grants: &[#(#grants),*],
                    })
                }

                #run run(
                    input: ::std::string::String,
                ) -> ::core::result::Result<::std::string::String, #private::PolicyError> {
                    let input: #input = #private::policy_input(&input)?;
                    #private::policy_output(#ident(#arguments) #awaited)
                }
            }

            ::tollgate_sdk::bindings::#world::export!(Policy with_types_in ::tollgate_sdk::bindings::#world);
        };
    })
}

fn parse_options(tokens: TokenStream) -> Result<Options> {
    let mut options = Options::default();
    let parser = syn::meta::parser(|option| {
        if options.description.take(&option)? {
            return Ok(());
        }
        if option.path.is_ident("blocking") {
            options.blocking = true;
            return Ok(());
        }
        if option.path.is_ident("grants") {
            let value = option.value()?;
            let list;
            bracketed!(list in value);
            options.grants = Punctuated::<LitStr, Token![,]>::parse_terminated(&list)?.into_iter().collect();
            return Ok(());
        }
        Err(option.error("a policy has the options `name`, `title`, `description`, `grants` and `blocking`"))
    });
    parser.parse2(tokens)?;
    Ok(options)
}

fn kebab_case(ident: &Ident) -> String {
    ident.to_string().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(options: TokenStream, item: TokenStream) -> String {
        expand(options, item).unwrap_err().to_string()
    }

    #[test]
    fn a_policy_is_async_unless_it_says_that_it_blocks() {
        let plain = quote!(
            /** Doc. */
            fn p() -> Result<u8> {
                Ok(1)
            }
        );
        assert!(error(quote!(), plain.clone()).contains("#[policy(blocking)]"));
        assert!(expand(quote!(blocking), plain).is_ok());
        let asynchronous = quote!(
            /** Doc. */
            async fn p() -> Result<u8> {
                Ok(1)
            }
        );
        assert_eq!(error(quote!(blocking), asynchronous), "a blocking policy is not `async`");
    }

    #[test]
    fn a_policy_returns_a_result() {
        for item in [
            quote!(
                /** Doc. */
                async fn p() {}
            ),
            quote!(
                /** Doc. */
                async fn p() -> u8 {
                    1
                }
            ),
            quote!(
                /** Doc. */
                async fn p() -> Option<u8> {
                    None
                }
            ),
        ] {
            assert!(error(quote!(), item).contains("must return `Result<T>`"));
        }
    }

    #[test]
    fn a_policy_has_a_description() {
        let item = quote!(
            async fn p() -> Result<u8> {
                Ok(1)
            }
        );
        assert!(error(quote!(), item.clone()).contains("needs a doc comment"));
        assert!(expand(quote!(description = "One."), item).is_ok());
    }

    #[test]
    fn parameters_are_named_and_owned() {
        assert!(
            error(
                quote!(),
                quote!(
                    /** D. */
                    async fn p(&self) -> Result<u8> {}
                )
            )
            .contains("no `self`")
        );
        assert!(
            error(
                quote!(),
                quote!(
                    /** D. */
                    async fn p(name: &str) -> Result<u8> {}
                )
            )
            .contains("owned type")
        );
        let unnamed = quote!(
            /** D. */
            async fn p(a: u8, (b, c): (u8, u8)) -> Result<u8> {}
        );
        assert!(error(quote!(), unnamed).contains("name the parameter"));
    }

    #[test]
    fn an_unknown_option_is_an_error_that_lists_the_known() {
        let item = quote!(
            /** Doc. */
            async fn p() -> Result<u8> {
                Ok(1)
            }
        );
        assert!(error(quote!(grant = "x"), item).contains("`grants`"));
    }
}
