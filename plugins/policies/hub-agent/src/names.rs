//! Names of tools as model providers take them: 1 to 64 letters, digits, `_` and `-`, no two alike.

use std::collections::HashMap;

/// The longest name.
const MAX_BYTES: usize = 64;

/// A name for each `server:tool`: `server__tool` where that will do. Names that would be too long or like another one end
/// in a hash of the whole name; it does not depend on what else there is, or on the order.
pub fn of_tools(tools: &[String]) -> Vec<String> {
    let mut many: HashMap<String, usize> = HashMap::new();
    for tool in tools {
        *many.entry(plain(tool)).or_default() += 1;
    }
    let name = |tool: &String| {
        let plain = plain(tool);
        let alone = many.get(&plain).is_none_or(|many| *many == 1);
        if alone && plain.len() <= MAX_BYTES { plain } else { hashed(&plain, tool) }
    };
    tools.iter().map(name).collect()
}

fn plain(tool: &str) -> String {
    let (server, name) = tool.split_once(':').unwrap_or(("", tool));
    let word = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
    server.chars().map(word).chain("__".chars()).chain(name.chars().map(word)).collect()
}

fn hashed(plain: &str, tool: &str) -> String {
    // FNV-1a: short, and the same everywhere. Nothing relies on it being hard to forge but which tool a model means, and
    // the host checks every call.
    let hash = tool
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    // ASCII by now, so every place is between two characters.
    format!("{}_{hash:016x}", plain.get(..MAX_BYTES - 17).unwrap_or(plain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn names(tools: &[&str]) -> Vec<String> {
        of_tools(&tools.iter().map(|tool| (*tool).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_name_says_the_server_and_the_tool() {
        assert_eq!(names(&["crm:search", "mail.x:send/it", "a:b:c"]), ["crm__search", "mail_x__send_it", "a__b_c"]);
    }

    #[test]
    fn names_are_valid_and_no_two_are_alike() {
        let long = format!("crm:{}", "x".repeat(200));
        let other = format!("crm:{}y", "x".repeat(199));
        let given = ["a:b.c", "a:b_c", "a:b-c", &long, &other, "ü:ß", "", "a__b:c", "a:b__c"];
        let names = names(&given);
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), given.len(), "{names:?}");
        let valid = |name: &String| {
            (1..=64).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
        };
        assert!(names.iter().all(valid), "{names:?}");
    }

    #[test]
    fn a_hashed_name_does_not_depend_on_the_order() {
        let (one, two) = (names(&["a:b.c", "a:b_c"]), names(&["a:b_c", "x:y", "a:b.c"]));
        assert_eq!((&one[0], &one[1]), (&two[2], &two[0]));
    }
}
