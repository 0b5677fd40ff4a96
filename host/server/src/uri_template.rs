//! Whether a URI is one that a template makes (RFC 6570, all four levels).

/// The longest URI that is held against templates, in bytes. Longer ones are none of theirs.
const URI_MAX_BYTES: usize = 2 << 10;
/// The longest template, in bytes. Longer ones make nothing.
const TEMPLATE_MAX_BYTES: usize = 2 << 10;
/// The most expressions and texts between them of a template. With the lengths it bounds the time that a server's thousands
/// of templates take.
const MAX_PARTS: usize = 33;

enum Part<'t> {
    Text(&'t str),
    Expression {
        operator: Option<u8>,
        /// It may make several values: of more than one variable, or of one that is exploded.
        is_list: bool,
    },
}

/// Whether the template can make the URI, with whatever values. Never where its scheme is not plain text: such a template
/// would claim the URIs of others (`f{+x}` makes `file:///a`).
pub fn makes(template: &str, uri: &str) -> bool {
    let scheme = template.split('{').next().and_then(|text| text.split_once(':'));
    let is_scheme =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if uri.len() > URI_MAX_BYTES
        || template.len() > TEMPLATE_MAX_BYTES
        || !scheme.is_some_and(|(scheme, _)| is_scheme(scheme))
    {
        return false;
    }
    let Some(parts) = parts(template) else { return false };
    // The places in the URI to which the parts so far can come.
    let mut reached = vec![false; uri.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    for part in parts {
        reached = match part {
            Part::Text(text) => after_text(&reached, uri, text),
            Part::Expression { operator, is_list } => after_expression(&reached, uri.as_bytes(), operator, is_list),
        };
    }
    reached.last() == Some(&true)
}

/// `None` for what is no template.
fn parts(template: &str) -> Option<Vec<Part<'_>>> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (expression, after) = after.split_once('}')?;
        let operator = expression.bytes().next().filter(|b| b"+#./;?&".contains(b));
        parts.push(Part::Text(before));
        parts.push(Part::Expression { operator, is_list: expression.contains([',', '*']) });
        rest = after;
    }
    parts.push(Part::Text(rest));
    (parts.len() <= MAX_PARTS).then_some(parts)
}

fn after_text(reached: &[bool], uri: &str, text: &str) -> Vec<bool> {
    let mut next = vec![false; reached.len()];
    for at in reached.iter().enumerate().filter_map(|(at, is_reached)| is_reached.then_some(at)) {
        if uri.get(at..).is_some_and(|rest| rest.starts_with(text))
            && let Some(place) = next.get_mut(at + text.len())
        {
            *place = true;
        }
    }
    next
}

/// An expression may always make nothing: a variable may have no value.
fn after_expression(reached: &[bool], uri: &[u8], operator: Option<u8>, is_list: bool) -> Vec<bool> {
    let mut next = reached.to_vec();
    // What comes before the values, save where the operator is none or `+`.
    let first = operator.filter(|operator| *operator != b'+');
    // Whether the place is within a value.
    let mut inside = false;
    for (at, byte) in uri.iter().enumerate() {
        let begins = reached.get(at) == Some(&true);
        inside = match first {
            Some(first) => (begins && *byte == first) || (inside && is_made(operator, is_list, *byte)),
            None => (begins || inside) && is_made(operator, is_list, *byte),
        };
        if inside && let Some(place) = next.get_mut(at + 1) {
            *place = true;
        }
    }
    next
}

/// Whether a byte may stand in what an expression makes (RFC 6570, section 3.2). Agents leave letters of other scripts
/// unescaped.
fn is_made(operator: Option<u8>, is_list: bool, byte: u8) -> bool {
    if byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte) || !byte.is_ascii() {
        return true;
    }
    match operator {
        Some(b'+' | b'#') => true,
        Some(b';') => b";=,".contains(&byte),
        Some(b'?' | b'&') => b"&=,".contains(&byte),
        Some(b'/') => is_list && b"/=,".contains(&byte),
        _ => is_list && b"=,".contains(&byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_makes_what_its_expressions_allow() {
        for (template, uri, want) in [
            ("note://{id}", "note://1", true),
            ("note://{id}", "note://a%20b", true),
            ("note://{id}", "note://a/b", false),
            ("note://{id}", "notes://1", false),
            ("note://{id}/text", "note://1/text", true),
            ("note://{id}/text", "note://1/texts", false),
            ("file:///{path}", "file:///a/b", false),
            ("file:///{+path}", "file:///a/b?c#d", true),
            ("repo://{owner}/{name}/{+path}", "repo://ada/x/src/lib.rs", true),
            ("repo://{owner}/{name}/{+path}", "repo://ada", false),
            ("x:a{/segments*}", "x:a/b/c", true),
            ("x:a{/segment}", "x:a/b/c", false),
            ("x:a{/segment}", "x:a", true),
            ("x:a{.ext}", "x:a.tar", true),
            ("x:a{;x,y}", "x:a;x=1;y=2", true),
            ("x:find{?q,page}", "x:find?q=a%20b&page=2", true),
            ("x:find{?q,page}", "x:find", true),
            ("x:find{?q}", "x:findq=1", false),
            ("x:find{?q}", "x:find?q=1?q=2", false),
            ("x:find?a=1{&q}", "x:find?a=1&q=2", true),
            ("x:a{#part}", "x:a#b/c", true),
            ("x:{a}{b}", "x:", true),
            ("x:{list*}", "x:a=1,b=2", true),
            ("x:{one}", "x:a,b", false),
            ("note://über/{id}", "note://über/日本", true),
            ("x:{open", "x:1", false),
            ("plain:uri", "plain:uri", true),
            // Whose scheme is not its own makes nothing.
            ("f{+x}", "file:///a", false),
            ("{+x}", "file:///a", false),
            ("{scheme}://a", "file://a", false),
        ] {
            assert_eq!(makes(template, uri), want, "{template} {uri}");
        }
        let long = format!("x:{}", "{+a}".repeat(40));
        assert!(!makes(&long, "x:1"), "too many parts");
        let hard = format!("x:{}y", "{+a}".repeat(30));
        assert!(!makes(&hard, &format!("x:{}", "a".repeat(8_000))), "and in no time");
    }
}
