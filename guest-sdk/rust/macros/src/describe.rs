//! What attributes and doc comments say of a policy or a tool.

use syn::meta::ParseNestedMeta;
use syn::{Attribute, Expr, ExprLit, Ident, Lit, LitStr, Meta};

/// The options that policies and tools share.
#[derive(Default)]
pub struct Description {
    name: Option<LitStr>,
    title: Option<LitStr>,
    text: Option<LitStr>,
}

impl Description {
    /// Takes the option if it is one of the shared ones.
    pub fn take(&mut self, option: &ParseNestedMeta<'_>) -> syn::Result<bool> {
        let field = if option.path.is_ident("name") {
            &mut self.name
        } else if option.path.is_ident("title") {
            &mut self.title
        } else if option.path.is_ident("description") {
            &mut self.text
        } else {
            return Ok(false);
        };
        *field = Some(option.value()?.parse()?);
        Ok(true)
    }

    pub fn name_or(&self, default: String) -> String {
        self.name.as_ref().map_or(default, LitStr::value)
    }

    /// As tokens: `Some("…")` or `None`.
    pub fn title(&self) -> proc_macro2::TokenStream {
        match &self.title {
            Some(title) => quote::quote!(::core::option::Option::Some(#title)),
            None => quote::quote!(::core::option::Option::None),
        }
    }

    /// The option, else the doc comment.
    pub fn text(&self, attributes: &[Attribute], item: &Ident) -> syn::Result<String> {
        let text = self.text.as_ref().map_or_else(|| doc_comment(attributes), LitStr::value);
        if text.is_empty() {
            let message = format!("`{item}` needs a doc comment: it is the description by which models choose");
            return Err(syn::Error::new(item.span(), message));
        }
        Ok(text)
    }
}

/// The text of `///` lines, each paragraph in one line.
fn doc_comment(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(doc) if doc.path.is_ident("doc") => match &doc.value {
            Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) => Some(line.value()),
            _ => None,
        },
        _ => None,
    });
    let mut text = String::new();
    for line in lines {
        let line = line.strip_prefix(' ').unwrap_or(&line).trim_end();
        // Lists, tables, headings and indented code begin with something else than a letter.
        let goes_on = line.starts_with(|first: char| first.is_alphabetic() || "`\"'(".contains(first))
            && !line.starts_with("```")
            && !text.ends_with('\n');
        text.push(if goes_on { ' ' } else { '\n' });
        text.push_str(line);
    }
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_is_one_line_and_a_list_is_not() {
        let function: syn::ItemFn = syn::parse_quote! {
            /// Finds customers
            /// by name.
            ///
            /// Looks at:
            /// - names
            /// - addresses
            fn f() {}
        };
        assert_eq!(doc_comment(&function.attrs), "Finds customers by name.\n\nLooks at:\n- names\n- addresses");
    }
}
