//! What the prelude's web classes are made on: URLs and encodings, by Rust's libraries.

use rquickjs::{Ctx, Exception, Function, Object, Result, TypedArray};
use serde_json::json;
use url::{Position, Url, form_urlencoded, quirks};

/// Adds the natives of the web classes.
pub(crate) fn add<'js>(ctx: &Ctx<'js>, natives: &Object<'js>) -> Result<()> {
    natives.set("parseUrl", Function::new(ctx.clone(), parse_url)?)?;
    natives.set("changeUrl", Function::new(ctx.clone(), change_url)?)?;
    natives.set("parseQuery", Function::new(ctx.clone(), parse_query)?)?;
    natives.set("writeQuery", Function::new(ctx.clone(), write_query)?)?;
    natives.set("encode", Function::new(ctx.clone(), encode)?)?;
    natives.set("decode", Function::new(ctx.clone(), decode)?)
}

/// The parts of a URL, in the order in which the class `URL` has them.
fn parts(url: &Url) -> String {
    json!([
        quirks::href(url),
        quirks::origin(url),
        quirks::protocol(url),
        quirks::username(url),
        quirks::password(url),
        quirks::host(url),
        quirks::hostname(url),
        quirks::port(url),
        quirks::pathname(url),
        quirks::search(url),
        quirks::hash(url),
        &url[Position::BeforeQuery..Position::AfterQuery],
    ])
    .to_string()
}

/// The parts as JSON, or nothing where it is no URL.
fn parse_url(text: String, base: Option<String>) -> Option<String> {
    let url = match base {
        Some(base) => Url::parse(&base).ok()?.join(&text).ok()?,
        None => Url::parse(&text).ok()?,
    };
    Some(parts(&url))
}

/// The parts after one of them was set. A value that does not fit changes nothing, as the standard has it.
fn change_url(href: String, part: String, value: String) -> Option<String> {
    let mut url = Url::parse(&href).ok()?;
    match part.as_str() {
        "href" => url = Url::parse(&value).ok()?,
        "protocol" => drop(quirks::set_protocol(&mut url, &value)),
        "username" => drop(quirks::set_username(&mut url, &value)),
        "password" => drop(quirks::set_password(&mut url, &value)),
        "host" => drop(quirks::set_host(&mut url, &value)),
        "hostname" => drop(quirks::set_hostname(&mut url, &value)),
        "port" => drop(quirks::set_port(&mut url, &value)),
        "pathname" => quirks::set_pathname(&mut url, &value),
        "search" => quirks::set_search(&mut url, &value),
        "hash" => quirks::set_hash(&mut url, &value),
        _ => {}
    }
    Some(parts(&url))
}

/// The pairs of a query, as JSON.
fn parse_query(query: String) -> String {
    let query = query.strip_prefix('?').unwrap_or(&query);
    json!(form_urlencoded::parse(query.as_bytes()).collect::<Vec<_>>()).to_string()
}

/// A query, of names and values in turn.
fn write_query(pairs: Vec<String>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let mut pairs = pairs.iter();
    while let (Some(name), Some(value)) = (pairs.next(), pairs.next()) {
        query.append_pair(name, value);
    }
    query.finish()
}

fn encode<'js>(ctx: Ctx<'js>, text: String) -> Result<TypedArray<'js, u8>> {
    TypedArray::new(ctx, text.into_bytes())
}

fn decode<'js>(ctx: Ctx<'js>, bytes: TypedArray<'js, u8>, encoding: String, fatal: bool) -> Result<String> {
    // SAFETY: the engine does not run while the bytes are read, so they neither move nor go away.
    let bytes: &[u8] = bytes.as_raw().map_or(&[], |bytes| unsafe { bytes.as_ref() });
    let text = if encoding == "utf-16le" {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units = char::decode_utf16(pairs.iter().copied().map(u16::from_le_bytes));
        let text: std::result::Result<String, _> = if fatal && rest.is_empty() {
            units.collect::<std::result::Result<_, _>>().map_err(drop)
        } else if fatal {
            Err(())
        } else {
            let lost = (!rest.is_empty()).then_some(char::REPLACEMENT_CHARACTER);
            Ok(units.map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).chain(lost).collect())
        };
        text
    } else if fatal {
        std::str::from_utf8(bytes).map(str::to_owned).map_err(drop)
    } else {
        Ok(String::from_utf8_lossy(bytes).into_owned())
    };
    text.map_err(|()| Exception::throw_type(&ctx, &format!("the bytes are not {encoding}")))
}
